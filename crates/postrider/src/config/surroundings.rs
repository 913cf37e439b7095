//! What the process was started with. The environment is read here, once, and travels as a value.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The environment of the process.
#[derive(Clone, Default)]
pub struct Surroundings {
    vars: HashMap<String, String>,
}

/// Names only: a variable may hold a password.
impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.vars.keys()).finish()
    }
}

impl Surroundings {
    /// Those of this process. A variable that is not UTF-8 is none.
    #[must_use]
    pub fn of_this_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self {
            vars: std::env::vars_os().filter_map(text).collect(),
        }
    }

    /// Those given, for whoever is not the process.
    #[must_use]
    pub fn of<const N: usize>(vars: [(&str, &str); N]) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            vars: vars.into_iter().map(owned).collect(),
        }
    }

    /// A variable that is set and not empty.
    #[must_use]
    pub fn var(&self, name: &str) -> Option<&str> {
        let value = self.vars.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// The home directory.
    #[must_use]
    pub fn home(&self) -> Option<&Path> {
        self.var("HOME").map(Path::new)
    }

    /// Where a configuration is looked for when no option names it, in this order.
    #[must_use]
    pub fn config_places(&self) -> Vec<PathBuf> {
        if let Some(named) = self.var("POSTRIDER_CONFIG") {
            return vec![PathBuf::from(named)];
        }
        let own = self.xdg("XDG_CONFIG_HOME", ".config");
        let own = own.map(|dir| dir.join("postrider/config.yaml"));
        let machine = PathBuf::from("/etc/postrider/config.yaml");
        own.into_iter().chain([machine]).collect()
    }

    /// Where the state lives when the configuration does not say.
    #[must_use]
    pub fn state_dir(&self) -> Option<PathBuf> {
        // systemd gives a list when a unit has several (systemd.exec(5)); ours comes first.
        let given = self.var("STATE_DIRECTORY");
        let given = given
            .and_then(|list| list.split(':').next())
            .map(PathBuf::from);
        given.or_else(|| {
            Some(
                self.xdg("XDG_STATE_HOME", ".local/state")?
                    .join("postrider"),
            )
        })
    }

    /// Where the control socket lies when the configuration does not say; `None`: beside the state.
    #[must_use]
    pub fn runtime_dir(&self) -> Option<PathBuf> {
        let given = self.var("RUNTIME_DIRECTORY");
        let given = given
            .and_then(|list| list.split(':').next())
            .map(PathBuf::from);
        let session = self.var("XDG_RUNTIME_DIR").map(PathBuf::from);
        let session = session.filter(|dir| dir.is_absolute());
        given.or_else(|| Some(session?.join("postrider")))
    }

    /// A base directory. The XDG specification has relative ones ignored.
    fn xdg(&self, name: &str, below_home: &str) -> Option<PathBuf> {
        let given = self
            .var(name)
            .map(PathBuf::from)
            .filter(|dir| dir.is_absolute());
        given.or_else(|| Some(self.home()?.join(below_home)))
    }
}
