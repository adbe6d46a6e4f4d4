//! Prints completions for shells.

use clap::builder::StyledStr;
use clap::{Command, CommandFactory as _};
use clap_complete::Generator as _;

use super::printing;
use crate::cli::{Cli, CompletedShell};
use crate::exit::Exit;

/// Prints the completions of a shell.
pub fn run(shell: CompletedShell) -> Exit {
    let mut command = visible(&Cli::command());
    command.set_bin_name(command.get_name().to_owned());
    command.build();
    printing::print(&match shell {
        CompletedShell::Bash => bash(&command),
        CompletedShell::Zsh => generated(clap_complete::Shell::Zsh, &command),
        CompletedShell::Fish => fish(&command),
    })
}

/// The script of a generator.
fn generated(shell: clap_complete::Shell, command: &Command) -> String {
    let mut script = Vec::new();
    shell.generate(command, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The script for bash. The generator does not use one spelling for a program with a hyphen in its name, so the script
/// would not find the subcommands.
fn bash(command: &Command) -> String {
    let name = command.get_name();
    generated(clap_complete::Shell::Bash, command)
        .replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"))
}

/// The script for fish. The generator does not complete the value of an option that is at the end of the line, because
/// fish cannot parse an option without its value. With an empty value it can.
fn fish(command: &Command) -> String {
    let parse = format!(
        "argparse -s (__fish_{}_global_optspecs) -- $cmd",
        command.get_name().replace('-', "_")
    );
    generated(clap_complete::Shell::Fish, command).replace(
        &format!("{parse} 2>/dev/null\n"),
        &format!("{parse} 2>/dev/null\n    or {parse} '' 2>/dev/null\n"),
    )
}

/// Sets a text of a command.
type SetText = fn(Command, StyledStr) -> Command;

/// The command without its hidden subcommands and options, which the generators would show.
pub fn visible(command: &Command) -> Command {
    let mut shown = Command::new(command.get_name().to_owned())
        .subcommand_required(command.is_subcommand_required_set())
        .args(command.get_arguments().filter(|argument| !argument.is_hide_set()))
        .subcommands(command.get_subcommands().filter(|sub| !sub.is_hide_set()).map(visible));
    if let Some(version) = command.get_version() {
        shown = shown.version(version.to_owned());
    }
    let texts: [(_, SetText); 4] = [
        (command.get_about(), Command::about),
        (command.get_long_about(), Command::long_about),
        (command.get_after_help(), Command::after_help),
        (command.get_after_long_help(), Command::after_long_help),
    ];
    for (text, set) in texts {
        if let Some(text) = text {
            shown = set(shown, text.clone());
        }
    }
    shown
}
