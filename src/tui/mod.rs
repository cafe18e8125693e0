//! stand-in
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum Images {
    Auto,
    Kitty,
    Sixel,
    Iterm2,
    Halfblocks,
    Off,
}
pub struct Options {
    pub workspace: crate::workspace::Workspace,
    pub theme: Option<String>,
    pub images: Images,
    pub focus_run: Option<String>,
}
pub fn run(_o: Options) -> crate::Result<()> {
    Err(crate::Error::usage("no workbench yet"))
}
