//! The same plan over several protocols or targets, in alternating blocks.

/// Two lanes against each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Name of the lane that is measured against.
    pub base: String,
    /// Name of the other.
    pub other: String,
    /// Pairs of blocks.
    pub pairs: usize,
    /// One line for each figure.
    pub ratios: Vec<Ratio>,
}

/// One figure of two lanes.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    /// Which: `rate`, `p50`, `p99`, `requests per CPU second`.
    pub figure: String,
    /// Other over base, the median of pairs.
    pub ratio: f64,
    /// Its 95% interval by bootstrap over the pairs.
    pub confidence: (f64, f64),
    /// How likely a difference as large is by chance (sign flips of the pairs).
    pub p_value: f64,
}
