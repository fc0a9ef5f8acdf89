//! Examples below the help of the verbs that people use first. Each is a whole line for a shell, and a test parses it.
use clap::Command;

/// A verb's path, and its examples.
type Examples = (&'static [&'static str], &'static [&'static str]);

const EXAMPLES: [Examples; 12] = [
    (&["dev"], &["ceven dev", "ceven dev --scenario offboard --once"]),
    (&["org", "create"], &["ceven org create --name 'Acme' --slug acme --domain acme.example"]),
    (
        &["admin", "create"],
        &[
            "ceven admin create --org acme --email you@acme.example",
            "ceven admin create --org acme --email you@acme.example --password-stdin <password.txt",
        ],
    ),
    (
        &["token", "mint"],
        &[
            "ceven token mint --org acme --label okta-production",
            "ceven token mint --org acme --label siem --kind audit --expires-in 90d --json",
        ],
    ),
    (
        &["token", "rotate"],
        &["ceven token rotate 0199c2f4-7f6a-7e31-8a53-0d6c1f0f2b11 --org acme --overlap 1d"],
    ),
    (
        &["okta", "set"],
        &[
            "ceven okta set --org acme --issuer https://acme.okta.com --client-id 0oaCeven \\\n    \
             --client-secret-stdin <secret.txt",
            "ceven okta set --org acme --issuer https://acme.okta.com --client-id 0oaCeven \\\n    \
             --api-client-id 0oaService --api-key-file service.pem",
        ],
    ),
    (
        &["connector", "add"],
        &[
            "ceven connector kinds",
            "ceven connector add --org acme --kind slack --name Slack --config-file slack.json",
        ],
    ),
    (
        &["user", "offboard"],
        &[
            "ceven user offboard leaver@acme.example --org acme --dry-run",
            "ceven user offboard leaver@acme.example --org acme --reason left --ticket HR-17 --wait",
            "ceven user offboard leaver@acme.example --org acme --run-at 2027-01-31T17:00:00Z",
        ],
    ),
    (&["user", "role"], &["ceven user role ops@acme.example admin --org acme"]),
    (
        &["audit", "export"],
        &[
            "ceven audit export --org acme >acme.ndjson",
            "ceven audit export --org acme --after-seq 1200 >later.ndjson",
        ],
    ),
    (
        &["audit", "verify"],
        &["ceven audit verify acme.ndjson", "ceven audit verify acme.ndjson --earlier last-month.ndjson"],
    ),
    (&["backup"], &["ceven backup /var/backups/ceven-2027-01-31.db"]),
];

/// The command line with its examples.
pub(super) fn added(command: Command) -> Command {
    EXAMPLES.iter().fold(command, |command, (path, lines)| {
        let text = lines.iter().map(|line| format!("\n  {line}")).collect::<String>();
        below(command, path, format!("Examples:{text}"))
    })
}

fn below(command: Command, path: &[&'static str], text: String) -> Command {
    match path {
        [] => command.after_help(text),
        [verb, rest @ ..] => command.mut_subcommand(verb, |command| below(command, rest, text)),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::{EXAMPLES, added};
    use crate::cli::Arguments;

    #[test]
    fn examples_are_lines_that_work() {
        for line in EXAMPLES.iter().flat_map(|(_, lines)| *lines) {
            let words = line.split(['<', '>']).next().unwrap().replace("\\\n", " ").replace('\'', "");
            let parsed = added(Arguments::command()).try_get_matches_from(words.split_whitespace());
            assert!(parsed.is_ok(), "{line}: {parsed:?}");
        }
    }
}
