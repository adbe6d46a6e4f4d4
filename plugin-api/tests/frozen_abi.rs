//! The door between the program and its plugins is the one that was frozen as ABI 1.0: a text of
//! everything that a built plugin relies on is compared with the golden file of the release.
//!
//! What stands in no layout, the promises about threads and memory, is in `docs/abi.md`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use abi_stable::StableAbi;
use abi_stable::library::{AbiHeader, ROOT_MODULE_LOADER_NAME, RootModule};
use abi_stable::type_layout::{LifetimeIndexPair, TLData, TLFields, TypeLayout};
use gatherer_plugin_api::abi::{Callbacks, EmitCode, GathererModuleRef};
use gatherer_plugin_api::manifest::{MANIFEST_MAX_BYTES, NOTE_NAME, NOTE_SECTION, NOTE_TYPE};
use gatherer_plugin_api::{__private, RECORD_MAX_BYTES};

const GOLDEN: &str = include_str!("golden/abi-1.0.txt");

const FROZEN: &str = "\
The stable ABI differs from the one that was released as 1.0, and that one is frozen: plugins are out
there that were built for it, and the program would refuse or crash every one of them. An appended field
is no exception. Take the change back and grow in the JSON instead: a member, a method of `call`, an
operation, a kind of record (docs/abi.md says how). The golden file is never edited.";

/// All of the door as text. Versions of crates are left out, they change; so are line numbers.
fn door() -> String {
    let mut text = String::new();
    let _ = writeln!(text, "abi {}", <GathererModuleRef as RootModule>::VERSION_STRINGS.version);
    let _ = writeln!(
        text,
        "root module {:?} base {:?}",
        <GathererModuleRef as RootModule>::NAME,
        <GathererModuleRef as RootModule>::BASE_NAME
    );
    let header = AbiHeader::VALUE;
    let magic = String::from_utf8_lossy(&header.magic_string);
    let magic = magic.trim_end_matches('\0');
    let _ = writeln!(text, "header symbol {ROOT_MODULE_LOADER_NAME}");
    let _ = writeln!(text, "header {magic:?} {}.{}", header.abi_major, header.abi_minor);
    text.push_str(&note());
    for (name, code) in [
        ("Ok", EmitCode::Ok),
        ("Cancelled", EmitCode::Cancelled),
        ("TooLarge", EmitCode::TooLarge),
        ("Closed", EmitCode::Closed),
    ] {
        let _ = writeln!(text, "emit code {name} = {}", code as i32);
    }
    let _ = writeln!(text, "emit code of any other number: {:?}", EmitCode::from_number(4));
    let mut seen = BTreeSet::new();
    layout(&mut text, &mut seen, <GathererModuleRef as StableAbi>::LAYOUT);
    layout(&mut text, &mut seen, <Callbacks as StableAbi>::LAYOUT);
    text
}

/// The note's constants, and its bytes around a manifest of three.
fn note() -> String {
    let note = __private::Note::<{ __private::padded_len(3) }>::new("{ }");
    let size = size_of_val(&note);
    let align = align_of_val(&note);
    format!(
        "note section {NOTE_SECTION} name {NOTE_NAME:?} type {NOTE_TYPE}\n\
         note around 3 bytes: size {size} align {align}\n"
    )
}

/// One type with its fields and functions, then the types that it is made of.
fn layout(text: &mut String, seen: &mut BTreeSet<String>, of: &'static TypeLayout) {
    let mut one = String::new();
    let _ = writeln!(
        one,
        "\n{} (package {}, module {}): size {} align {} {:?}{}",
        of.full_type(),
        of.package(),
        of.mod_path(),
        of.size(),
        of.alignment(),
        of.repr_attr(),
        if of.is_nonzero() { " nonzero" } else { "" }
    );
    match of.data() {
        TLData::Primitive(primitive) => {
            let _ = writeln!(one, "  primitive {primitive:?}");
        }
        TLData::Opaque => one.push_str("  opaque\n"),
        TLData::Struct { fields: all } => fields(&mut one, "field", &all),
        TLData::Union { fields: all } => fields(&mut one, "union field", &all),
        TLData::Enum(of) => {
            let _ = writeln!(
                one,
                "  variants {} discriminants {:?} with fields {:?}",
                of.variant_names, of.discriminants, of.field_count
            );
            fields(&mut one, "field", &of.fields);
        }
        TLData::PrefixType(prefix) => {
            let _ = writeln!(one, "  first suffix field {}", prefix.first_suffix_field);
            fields(&mut one, "prefix field", &prefix.fields);
        }
    }
    fields(&mut one, "phantom field", &of.phantom_fields());
    if !seen.insert(one.clone()) {
        return;
    }
    text.push_str(&one);
    for part in of.shared_vars().type_layouts() {
        layout(text, seen, part());
    }
}

fn fields(text: &mut String, kind: &str, fields: &TLFields) {
    for field in fields.iter() {
        let of = field.layout();
        let _ = writeln!(
            text,
            "  {kind} {}: {} size {} align {}{}",
            field.name(),
            field.full_type(),
            of.size(),
            of.alignment(),
            lifetimes(field.lifetime_indices().as_slice())
        );
        for function in field.function_range() {
            let parameters = function.param_type_layouts.iter();
            let parameters: Vec<_> = parameters.map(|of| of().full_type().to_string()).collect();
            let result = function.return_type_layout();
            let result = result.map_or_else(|| "()".to_owned(), |of| of().full_type().to_string());
            let _ = writeln!(
                text,
                "    {}extern \"C\" fn({}) -> {result}{}",
                if function.fn_qualifs.is_unsafe() { "unsafe " } else { "" },
                parameters.join(", "),
                lifetimes(function.paramret_lifetime_indices.as_slice())
            );
        }
    }
}

fn lifetimes(of: &[LifetimeIndexPair]) -> String {
    if of.is_empty() { String::new() } else { format!(" lifetimes {of:?}") }
}

#[test]
fn the_door_is_the_one_that_was_frozen() {
    let door = door();
    let mut lines = door.lines().zip(GOLDEN.lines()).enumerate();
    if let Some((number, (is, was))) = lines.find(|(_, (is, was))| is != was) {
        panic!("{FROZEN}\n\nline {}\n  frozen: {was}\n  here:   {is}\n", number + 1);
    }
    let (here, frozen) = (door.lines().count(), GOLDEN.lines().count());
    assert_eq!(here, frozen, "{FROZEN}\n\nThe text has {here} lines and had {frozen}:\n{door}");
}

#[test]
fn limits_may_grow_and_never_shrink() {
    const { assert!(RECORD_MAX_BYTES >= 1_047_552, "plugins hand over records of this length") };
    const { assert!(MANIFEST_MAX_BYTES >= 262_144, "plugins have manifests of this length") };
}
