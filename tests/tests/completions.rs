//! The completions that the program prints, in the shells themselves.

use std::path::{Path, PathBuf};
use std::process::Command;

use gatherer_tests::{Run, program, skip};
use tempfile::TempDir;

/// The beginning of a word of the command line, and a word that completes it.
const COMPLETED: [(&str, &str); 5] = [
    ("virtual-host-gatherer --form", "--format"),
    ("virtual-host-gatherer --format inv", "inventory"),
    ("virtual-host-gatherer wat", "watch"),
    ("virtual-host-gatherer watch --even", "--events"),
    ("virtual-host-gatherer guard acc", "accept"),
];

fn script_of(shell: &str) -> String {
    let outcome = Run::new().without_logfile().args(["completions", shell]).run().expect_code(0);
    assert!(outcome.stderr.is_empty(), "{}", outcome.describe());
    outcome.stdout_text().to_owned()
}

/// The completions of a shell in the file `name` of a folder; an error if the shell is not installed.
fn prepared(shell: &str, name: &str) -> Result<(TempDir, PathBuf), String> {
    Command::new(shell)
        .args(["-c", "exit"])
        .output()
        .map_err(|_| format!("{shell} is not installed"))?;
    let folder = tempfile::tempdir().expect("a temporary folder can be created");
    let path = folder.path().join(name);
    std::fs::write(&path, script_of(shell)).expect("the file can be written");
    Ok((folder, path))
}

/// What a command prints. It ends after a minute at the latest.
fn printed(command: &mut Command, home: &Path) -> String {
    let mut limited = Command::new("timeout");
    limited.arg("60").arg(command.get_program()).args(command.get_args());
    limited.env("HOME", home).env("TERM", "xterm").env("LC_ALL", "C.UTF-8").current_dir(home);
    let path = format!(
        "{}:{}",
        program().parent().expect("the program is in a folder").display(),
        std::env::var("PATH").expect("PATH is set")
    );
    let output = limited.env("PATH", path).output().expect("timeout is a part of coreutils");
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", output.status);
    assert_eq!(stderr, "", "{command:?}");
    stdout.into_owned()
}

#[test]
fn bash_completes_options_values_commands_and_files() {
    let (folder, path) = match prepared("bash", "completions") {
        Ok(prepared) => prepared,
        Err(reason) => skip!("{reason}"),
    };
    std::fs::write(folder.path().join("endpoints.json"), "[]").expect("the file can be written");
    // It calls the registered function as bash does: with the command, the word, and the word before it.
    let complete = r#"
        . "$1"
        # It needs an interactive shell.
        compopt() { :; }
        read -ra line <<<"$2"
        function=$(complete -p virtual-host-gatherer | grep -o -- '-F [^ ]*' | cut -c4-)
        COMP_WORDS=("${line[@]}")
        COMP_CWORD=$((${#line[@]} - 1))
        "$function" "${line[0]}" "${line[-1]}" "${line[-2]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let complete = |line: &str| {
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", complete, "bash"]).arg(&path).arg(line);
        printed(&mut bash, folder.path()).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    for (line, word) in COMPLETED {
        assert_eq!(complete(line), [word], "{line}");
    }
    assert_eq!(complete("virtual-host-gatherer --infile endp"), ["endpoints.json"]);
}

#[test]
fn zsh_completes_options_values_and_commands() {
    let (folder, _) = match prepared("zsh", "_virtual-host-gatherer") {
        Ok(prepared) => prepared,
        Err(reason) => skip!("{reason}"),
    };
    // An interactive shell on a terminal of its own completes each line.
    let complete = r#"
        zmodload zsh/zpty
        zpty shell zsh -f -i
        zpty -w shell "PS1=; fpath=($1 \$fpath); autoload -U compinit; compinit -D -u"
        zpty -w shell "bindkey '^I' complete-word; echo rea""dy"
        zpty -r shell out '*ready*'
        shift
        while (( $# )); do
            zpty -n -w shell "$1"$'\t'
            zpty -r shell out "*$2*"
            zpty -n -w shell $'\C-u'
            print -r -- "$2"
            shift 2
        done
        zpty -d shell"#;
    let mut zsh = Command::new("zsh");
    zsh.args(["-f", "-c", complete, "zsh"]).arg(folder.path());
    for (line, word) in COMPLETED {
        assert!(!line.contains(word), "the terminal would show it without a completion");
        zsh.args([line, word]);
    }
    let words = COMPLETED.map(|(_, word)| format!("{word}\n")).concat();
    assert_eq!(printed(&mut zsh, folder.path()), words);
}

#[test]
fn fish_completes_options_values_commands_and_files() {
    let (folder, path) = match prepared("fish", "virtual-host-gatherer.fish") {
        Ok(prepared) => prepared,
        Err(reason) => skip!("{reason}"),
    };
    std::fs::write(folder.path().join("endpoints.json"), "[]").expect("the file can be written");
    let complete = |line: &str| {
        let mut fish = Command::new("fish");
        fish.args(["--no-config", "-c", "source $argv[1]; complete -C $argv[2]"]);
        fish.arg(&path).arg(line);
        let printed = printed(&mut fish, folder.path());
        let words = printed.lines().filter_map(|line| line.split('\t').next());
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    for (line, word) in COMPLETED {
        assert_eq!(complete(line), [word], "{line}");
    }
    assert_eq!(complete("virtual-host-gatherer --infile endp"), ["endpoints.json"]);
}

#[test]
fn completions_are_the_same_twice_and_have_no_hidden_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = script_of(shell);
        assert!(script == script_of(shell), "{shell}");
        assert!(
            !script.contains("The worker, which") && !script.contains("gatherer,worker"),
            "{shell}"
        );
        assert!(script.contains("match-images"), "{shell}");
    }
}
