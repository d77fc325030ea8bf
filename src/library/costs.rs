//! The cost of a library's writes, in requests. A run gathers them into batches; the forecast fills batches by the same
//! rule.

/// How much one batch takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Items.
    pub items: usize,
    /// The weight of all items together. A single item may be heavier.
    pub weight: u64,
}

/// What the account writes in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batches {
    /// Assets whose file records and marks are written together; the weight is that of the records.
    pub records: Capacity,
    /// Assets whose locators are made together; the weight is that of the locators.
    pub locators: Capacity,
}

/// Requests to the media API and to the blob service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// To the media API.
    pub media: u64,
    /// To the blob service.
    pub blob: u64,
}

impl Cost {
    /// Requests to the media API alone.
    pub fn media(media: u64) -> Self {
        Self { media, blob: 0 }
    }

    /// Requests to the blob service alone.
    pub fn blob(blob: u64) -> Self {
        Self { media: 0, blob }
    }
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.media += other.media;
        self.blob += other.blob;
    }
}

impl std::ops::Mul<u64> for Cost {
    type Output = Self;

    fn mul(self, times: u64) -> Self {
        Self { media: self.media * times, blob: self.blob * times }
    }
}

/// The size of a batch of file records and marks, on which its cost depends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordBatch {
    /// Assets in it.
    pub assets: u64,
    /// Records of all of them.
    pub records: u64,
    /// Assets that the run created: another run may have made a copy, too.
    pub created: u64,
    /// Records of the target have to be read for it.
    pub reread: bool,
    /// Records of the target have to be changed for it.
    pub rewritten: bool,
}
