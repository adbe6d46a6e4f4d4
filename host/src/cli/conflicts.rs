//! Refuses an outfile or a log file that is also a file which the command reads.

use std::path::Path;

use super::{Cli, Command, PluginCommand};
use crate::output::outfile::NamedFile;
use crate::request::infile_folder;

impl Cli {
    /// The error if the result would replace a file that the command reads. `config` is the operator's file.
    pub fn outfile_conflict(&self, config: &Path) -> Option<String> {
        if let (Some(infile), Some(outfile)) = (&self.files.infile, &self.files.outfile)
            && infile_folder::would_read(infile, outfile)
        {
            return Some(format!(
                "the outfile {} would be read as a part of the infile next time; write the result to another folder",
                outfile.display()
            ));
        }
        if let (Some(Command::Merge(options)), Some(outfile)) = (&self.command, &self.files.outfile)
            && options.inventories.iter().any(|folder| infile_folder::would_read(folder, outfile))
        {
            return Some(format!(
                "the outfile {} would be read as one of the inventories next time; write the result to another folder",
                outfile.display()
            ));
        }
        let output = NamedFile::output(self.files.outfile.as_deref())?;
        let (name, _) = self.inputs(config).into_iter().find(|(_, input)| *input == output)?;
        Some(match &self.files.outfile {
            Some(path) if path != Path::new("-") => {
                format!(
                    "the outfile {} is {name}; write the result to another file",
                    path.display()
                )
            }
            _ => format!("standard output is {name}; write the result to another file"),
        })
    }

    /// The files that the log must not be written to, with their names: those that the command reads, and the outfile.
    pub fn files_without_log(&self, config: &Path) -> Vec<(&'static str, NamedFile)> {
        let outfile = self.files.outfile.as_deref().filter(|path| *path != Path::new("-"));
        let outfile = outfile.and_then(|path| Some(("the outfile", NamedFile::at(path)?)));
        self.inputs(config).into_iter().chain(outfile).collect()
    }

    /// The regular files that the command reads, with their names.
    fn inputs(&self, config: &Path) -> Vec<(&'static str, NamedFile)> {
        let infile = self.files.infile.as_deref();
        let inputs = match &self.command {
            Some(Command::MatchImages(options)) => vec![
                ("the file of images", Some(options.images.as_path())),
                ("the inventory", options.inventory.as_deref()),
                ("the infile", options.files.infile.as_deref()),
            ],
            Some(Command::Convert(options)) => {
                vec![("the inventory", Some(options.inventory.as_path()))]
            }
            Some(Command::Merge(options)) => {
                let inventories = options.inventories.iter();
                let named =
                    inventories.map(|path| ("one of the inventories", Some(path.as_path())));
                named.chain([("the infile", options.infile.as_deref())]).collect()
            }
            Some(Command::Diff(options)) => vec![
                ("the older document", Some(options.old.as_path())),
                ("the newer document", Some(options.new.as_path())),
            ],
            Some(Command::Check(options)) => vec![("the infile", options.files.infile.as_deref())],
            Some(Command::Watch(options)) => vec![("the infile", Some(options.infile.as_path()))],
            Some(Command::Plugin(PluginCommand::Verify { file, request, .. })) => {
                vec![("the plugin", Some(file.as_path())), ("the infile", request.as_deref())]
            }
            Some(Command::Plugin(PluginCommand::Inspect { file })) => {
                vec![("the plugin", Some(file.as_path()))]
            }
            _ => vec![("the infile", infile)],
        };
        let named = inputs.into_iter().chain([("the config file", Some(config))]);
        named.filter_map(|(name, path)| Some((name, NamedFile::input(path?)?))).collect()
    }
}
