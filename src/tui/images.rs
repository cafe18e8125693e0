//! How pictures reach the terminal: decided by the environment or by the user, never by asking the terminal.

use ratatui_image::picker::ProtocolType;

/// `--images`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Images {
    /// What the environment says the terminal can do
    #[default]
    Auto,
    Kitty,
    Sixel,
    Iterm2,
    /// Two pixels a cell; works everywhere
    Halfblocks,
    Off,
}

impl Images {
    /// The picture protocol; none for half-blocks.
    pub fn protocol(self) -> Option<ProtocolType> {
        let var = |name: &str| std::env::var(name).unwrap_or_default();
        self.decide(&var)
    }

    fn decide(self, var: &dyn Fn(&str) -> String) -> Option<ProtocolType> {
        match self {
            Images::Kitty => Some(ProtocolType::Kitty),
            Images::Sixel => Some(ProtocolType::Sixel),
            Images::Iterm2 => Some(ProtocolType::Iterm2),
            Images::Halfblocks | Images::Off => None,
            Images::Auto => {
                let term = var("TERM");
                // A multiplexer draws over pictures that it does not know of.
                if !var("TMUX").is_empty()
                    || !var("STY").is_empty()
                    || term.starts_with("screen")
                    || term.starts_with("tmux")
                {
                    return None;
                }
                match var("TERM_PROGRAM").as_str() {
                    "iTerm.app" | "WezTerm" => Some(ProtocolType::Iterm2),
                    "ghostty" => Some(ProtocolType::Kitty),
                    _ if !var("KITTY_WINDOW_ID").is_empty() || term == "xterm-kitty" || term == "xterm-ghostty" => {
                        Some(ProtocolType::Kitty)
                    }
                    _ if term.starts_with("foot") || term == "mlterm" => Some(ProtocolType::Sixel),
                    _ => None,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auto(set: &[(&str, &str)]) -> Option<ProtocolType> {
        Images::Auto
            .decide(&|name| set.iter().find(|(n, _)| *n == name).map_or(String::new(), |(_, v)| (*v).to_owned()))
    }

    #[test]
    fn the_environment_decides_and_a_multiplexer_overrules_it() {
        assert_eq!(auto(&[("TERM", "xterm-256color")]), None);
        assert_eq!(auto(&[("TERM", "xterm-kitty")]), Some(ProtocolType::Kitty));
        assert_eq!(auto(&[("TERM_PROGRAM", "WezTerm"), ("TERM", "xterm-256color")]), Some(ProtocolType::Iterm2));
        assert_eq!(auto(&[("KITTY_WINDOW_ID", "1"), ("TMUX", "/tmp/x"), ("TERM", "tmux-256color")]), None);
        assert_eq!(auto(&[("TERM", "foot")]), Some(ProtocolType::Sixel));
    }
}
