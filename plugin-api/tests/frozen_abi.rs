//! The interface between the program and its plugins is the one that was frozen as ABI 1.0: a
//! description of everything that a built plugin relies on is compared with the release's golden file.
//!
//! Promises that no layout expresses, about threads and memory, are in `docs/abi.md`.

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
The stable ABI differs from the one that was released as 1.0 and is frozen. Plugins exist that were built
for it, and the program would refuse or crash every one of them, even if a field was only appended. Revert
the change and extend the JSON instead: with a member, a method of `call`, an operation or a kind of record
(docs/abi.md describes how). Never edit the golden file.";

/// Describes the whole interface as text, without line numbers and crate versions, which may change.
fn describe_interface() -> String {
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

/// The constants of the note, and its size with a manifest of three bytes.
fn note() -> String {
    let note = __private::Note::<{ __private::padded_len(3) }>::new(&["{ }"]);
    let size = size_of_val(&note);
    let align = align_of_val(&note);
    format!(
        "note section {NOTE_SECTION} name {NOTE_NAME:?} type {NOTE_TYPE}\n\
         note around 3 bytes: size {size} align {align}\n"
    )
}

/// Describes a type with its fields and functions, and then the types that it consists of.
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
fn the_interface_is_the_frozen_one() {
    let interface = describe_interface();
    let mut lines = interface.lines().zip(GOLDEN.lines()).enumerate();
    if let Some((index, (actual, frozen))) = lines.find(|(_, (actual, frozen))| actual != frozen) {
        panic!("{FROZEN}\n\nline {}\n  frozen: {frozen}\n  actual: {actual}\n", index + 1);
    }
    let (actual, frozen) = (interface.lines().count(), GOLDEN.lines().count());
    assert_eq!(
        actual, frozen,
        "{FROZEN}\n\nThe description has {actual} lines instead of {frozen}:\n{interface}"
    );
}

#[test]
fn limits_never_shrink() {
    const { assert!(RECORD_MAX_BYTES >= 1_047_552, "released plugins send records of this length") };
    const { assert!(MANIFEST_MAX_BYTES >= 262_144, "released plugins have manifests this long") };
}
