//! The cost of a library's writes, in requests. A run combines them in batches; the forecast uses the same rule.

/// The capacity of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Items.
    pub items: usize,
    /// The weight of all items together. A single item can be heavier.
    pub weight: u64,
}

/// The sizes of an account's batches.
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
    /// Only requests to the media API.
    pub fn media(media: u64) -> Self {
        Self { media, blob: 0 }
    }

    /// Only requests to the blob service.
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
    /// Assets that the run created. (Another run may have made a copy, too.)
    pub created: u64,
    /// Must records of the target be read?
    pub reread: bool,
    /// Must records of the target be changed?
    pub rewritten: bool,
}
