//! Reads a plugin's manifest and run path from its ELF file. The file can have any content and size, so only
//! headers, notes and the dynamic section are read.

use std::fs::File;

use gatherer_plugin_api::manifest::{MANIFEST_MAX_BYTES, NOTE_NAME, NOTE_SECTION, NOTE_TYPE};
use object::elf::{self, FileHeader64};
use object::read::ReadCache;
use object::read::elf::{Dyn as _, FileHeader as _, SectionHeader as _};
use object::{Endianness, ReadRef};

/// The machine that this program was built for.
const MACHINE: Option<elf::Machine> = if cfg!(target_arch = "x86_64") {
    Some(elf::EM_X86_64)
} else if cfg!(target_arch = "aarch64") {
    Some(elf::EM_AARCH64)
} else if cfg!(target_arch = "powerpc64") {
    Some(elf::EM_PPC64)
} else if cfg!(target_arch = "s390x") {
    Some(elf::EM_S390)
} else {
    None
};

/// The maximum number of sections. A library has about 40.
const SECTIONS_MAX: u32 = 10_000;

/// Reads the manifest from the note of a library. The error is a message without its subject.
pub fn manifest(file: &File) -> Result<String, String> {
    let cache = ReadCache::new(file);
    read(&cache)
}

/// Whether a library names other libraries by its own folder: its run path has `$ORIGIN`.
pub fn uses_own_folder(file: &File) -> bool {
    fn run_paths_of<'data>(data: impl ReadRef<'data>) -> object::read::Result<bool> {
        let header = FileHeader64::<Endianness>::parse(data)?;
        let endian = header.endian()?;
        let sections = header.sections(endian, data)?;
        let Some((entries, strings)) = sections.dynamic(endian, data)? else { return Ok(false) };
        let strings = sections.strings(endian, data, strings)?;
        let is_run_path = |tag| tag == elf::DT_RUNPATH || tag == elf::DT_RPATH;
        let entries = entries.iter().filter(|entry| is_run_path(entry.d_tag(endian)));
        let mut paths = entries.filter_map(|entry| strings.get(entry.val32(endian)?).ok());
        let contains = |path, text: &str| memchr::memmem::find(path, text.as_bytes()).is_some();
        Ok(paths.any(|path| contains(path, "$ORIGIN") || contains(path, "${ORIGIN}")))
    }
    run_paths_of(&ReadCache::new(file)).unwrap_or(false)
}

/// Reads the manifest from the data of a library.
pub(super) fn read<'data>(data: impl ReadRef<'data>) -> Result<String, String> {
    let not_elf = |_| "is not a 64-bit ELF library".to_owned();
    let damaged = |_| "is damaged: its ELF sections cannot be read".to_owned();
    let header = FileHeader64::<Endianness>::parse(data).map_err(not_elf)?;
    let endian = header.endian().map_err(not_elf)?;
    if endian != Endianness::default() || MACHINE.is_some_and(|own| header.e_machine(endian) != own)
    {
        return Err("was built for another kind of machine".to_owned());
    }
    if header.e_type(endian) != elf::ET_DYN {
        return Err("is not a 64-bit ELF library".to_owned());
    }
    if header.shnum(endian, data).map_err(damaged)? > SECTIONS_MAX {
        return Err(format!("has more than {SECTIONS_MAX} ELF sections"));
    }
    let sections = header.sections(endian, data).map_err(damaged)?;
    let mut manifest = None;
    for section in sections.iter() {
        // A section whose name cannot be read is not the manifest's.
        if sections.section_name(endian, section).ok() != Some(NOTE_SECTION.as_bytes()) {
            continue;
        }
        let malformed = || format!("has a malformed note in {NOTE_SECTION}");
        if section.sh_type(endian) != elf::SHT_NOTE {
            return Err(malformed());
        }
        if section.sh_size(endian) > MANIFEST_MAX_BYTES + 64 {
            return Err(format!("has a manifest of more than {MANIFEST_MAX_BYTES} bytes"));
        }
        let mut notes =
            section.notes(endian, data).map_err(|_| malformed())?.ok_or_else(malformed)?;
        while let Some(note) = notes.next().map_err(|_| malformed())? {
            if note.name() != NOTE_NAME.as_bytes() || note.n_type(endian).0 != NOTE_TYPE {
                return Err(malformed());
            }
            if manifest.replace(note.desc()).is_some() {
                return Err("has two manifests".to_owned());
            }
        }
    }
    let manifest =
        manifest.ok_or_else(|| format!("is not a plugin: it has no note {NOTE_SECTION}"))?;
    std::str::from_utf8(manifest)
        .map(str::to_owned)
        .map_err(|_| "has a manifest that is not UTF-8".to_owned())
}
