//! stand-in until the data room is merged
#[derive(Clone, Debug, PartialEq)]
pub enum SplitRule {
    KFold,
    Other(String),
}
impl std::str::FromStr for SplitRule {
    type Err = crate::Error;
    fn from_str(s: &str) -> crate::Result<Self> {
        Ok(if s == "kfold" { SplitRule::KFold } else { SplitRule::Other(s.into()) })
    }
}
