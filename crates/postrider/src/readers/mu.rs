//! mu, as a command of the shell, and mu4e, as Emacs Lisp.
//!
//! The shell takes the quotes off, and then mu expands the path once more (wordexp(3), mu 1.8), so
//! what means something there has a backslash besides. A string of Emacs Lisp knows `"` and `\` alone.

use super::{Reader, Tree, heading, single_quoted};
use postrider_core::mailbox::Role;
use std::path::Path;

pub(super) fn configuration(root: &str, trees: &[Tree<'_>]) -> String {
    let mut text = heading("#", Reader::Mu, trees);
    text.push_str("\n# Once, in a shell:\n");
    let mut mine: Vec<String> = Vec::new();
    for tree in trees {
        let address = format!(" --my-address={}", single_quoted(&tree.address()));
        if !mine.contains(&address) {
            mine.push(address);
        }
    }
    let tree = single_quoted(&unexpanded(root));
    text.push_str(&format!(
        "mu init --maildir={tree}{}\nmu index\n",
        mine.concat()
    ));
    text.push_str(
        "\n;; In Emacs, for mu4e. It gives what it trashes the flag `T`, and moves it: the move is what the server\n\
         ;; hears of, unless `deleted_flag` is true. Moved files keep their names, so that they are known again.\n\
         (setq mu4e-change-filenames-when-moving nil)\n",
    );
    text.push_str(&match trees {
        [only] => format!("(setq {})\n", pairs(root, only, " ").join("\n      ")),
        _ => contexts(root, trees),
    });
    text
}

/// mu4e's folders of one account: name and value, with something before the value.
fn pairs(root: &str, tree: &Tree<'_>, joint: &str) -> Vec<String> {
    let named = [
        ("mu4e-sent-folder", tree.with_role(Role::Sent)),
        ("mu4e-drafts-folder", tree.with_role(Role::Drafts)),
        ("mu4e-trash-folder", tree.with_role(Role::Trash)),
        ("mu4e-refile-folder", tree.archive()),
    ];
    let known = named
        .into_iter()
        .filter_map(|(name, place)| Some((name, below(root, &place?.path))));
    let mut pairs: Vec<String> = known
        .map(|(name, folder)| format!("{name}{joint}{}", string(&folder)))
        .collect();
    pairs.push(format!(
        "user-mail-address{joint}{}",
        string(&tree.address())
    ));
    pairs
}

/// One context for each account, of the messages that lie in its tree.
fn contexts(root: &str, trees: &[Tree<'_>]) -> String {
    let context = |tree: &Tree<'_>| {
        let pairs = pairs(root, tree, " . ");
        let vars: Vec<String> = pairs.iter().map(|pair| format!("({pair})")).collect();
        let below = below(root, &tree.root);
        format!(
            "       (make-mu4e-context\n        :name {}\n        :match-func\n        \
             (lambda (msg)\n          (when msg\n            \
             (let ((maildir (concat (mu4e-message-field msg :maildir) \"/\")))\n              \
             (string-prefix-p {} maildir))))\n        :vars\n        '({}))",
            string(tree.account()),
            string(&format!("{}/", below.trim_end_matches('/'))),
            vars.join("\n          ")
        )
    };
    let contexts: Vec<String> = trees.iter().map(context).collect();
    format!(
        "(setq mu4e-contexts\n      (list\n{}))\n",
        contexts.join("\n")
    )
}

/// What mu calls a mailbox: its directory below the root, with a `/` before it.
fn below(root: &str, path: &str) -> String {
    let below = Path::new(path).strip_prefix(root);
    below.map_or_else(|_| path.to_owned(), |below| format!("/{}", below.display()))
}

fn unexpanded(path: &str) -> String {
    let plain = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "/._-@%+,:=".contains(c);
    let mut text = String::with_capacity(path.len());
    for c in path.chars() {
        if !plain(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

fn string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}
