//! Refuses an outfile or a log file that is also a file which the command reads.

use std::path::Path;

use super::{Cli, Command, PluginCommand};
use crate::output::outfile::NamedFile;

impl Cli {
    /// The error if the result would replace a file that the command reads. `config` is the operator's file.
    pub fn outfile_conflict(&self, config: &Path) -> Option<String> {
        let output = NamedFile::output(self.files.outfile.as_deref())?;
        let name = self.input_at(&output, config)?;
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

    /// The error if log lines would be written into a file that the command reads, or into the outfile.
    pub fn logfile_conflict(&self, log: &Path, config: &Path) -> Option<String> {
        let file = NamedFile::at(log)?;
        let outfile = self.files.outfile.as_deref().filter(|path| *path != Path::new("-"));
        let name = self.input_at(&file, config).or_else(|| {
            outfile.is_some_and(|path| NamedFile::at(path) == Some(file)).then_some("the outfile")
        })?;
        Some(format!(
            "the log file {} is {name}; the run continues without a log file",
            log.display()
        ))
    }

    /// The name of the input that is this file.
    fn input_at(&self, file: &NamedFile, config: &Path) -> Option<&'static str> {
        let infile = self.files.infile.as_deref();
        let inputs = match &self.command {
            Some(Command::MatchImages(options)) => [
                ("the file of images", Some(options.images.as_path())),
                ("the inventory", options.inventory.as_deref()),
                ("the infile", options.files.infile.as_deref()),
            ],
            Some(Command::Plugin(PluginCommand::Verify { file, request })) => [
                ("the plugin", Some(file.as_path())),
                ("the infile", request.as_deref()),
                ("", None),
            ],
            _ => [("the infile", infile), ("", None), ("", None)],
        };
        let named = inputs.into_iter().chain([("the config file", Some(config))]);
        let mut named = named.filter_map(|(name, path)| Some((name, NamedFile::input(path?)?)));
        named.find(|(_, input)| input == file).map(|(name, _)| name)
    }
}
