//! (stub)
use crate::emulator::storage::{NewBlob, StorageError, StoredBlob, StoredPolicy};
use bytes::Bytes;

#[derive(Debug)]
pub(crate) struct BlobAccount(String, String, String);
impl BlobAccount {
    pub(crate) fn new(
        n: String,
        k: String,
        u: String,
        _l: crate::emulator::settings::BlobLimits,
        _c: crate::emulator::clock::Clock,
    ) -> Self {
        Self(n, k, u)
    }
    pub(crate) fn name(&self) -> &str {
        &self.0
    }
    pub(crate) fn url(&self) -> &str {
        &self.2
    }
    pub(crate) fn key(&self) -> &str {
        &self.1
    }
    pub(crate) fn create_container(&self, _c: &str) -> Result<(), StorageError> {
        todo!()
    }
    pub(crate) fn delete_container(&self, _c: &str) -> Result<(), StorageError> {
        todo!()
    }
    pub(crate) fn container_exists(&self, _c: &str) -> bool {
        todo!()
    }
    pub(crate) fn list_blobs(&self, _c: &str) -> Result<Vec<StoredBlob>, StorageError> {
        todo!()
    }
    pub(crate) fn put_blob(&self, _c: &str, _n: &str, _b: NewBlob) -> Result<(), StorageError> {
        todo!()
    }
    pub(crate) fn read_blob(&self, _c: &str, _n: &str, _o: u64, _l: u64) -> Result<(StoredBlob, Bytes), StorageError> {
        todo!()
    }
    pub(crate) fn copy_within(&self, _f: (&str, &str), _t: (&str, &str)) -> Result<(), StorageError> {
        todo!()
    }
    pub(crate) fn set_policy(&self, _c: &str, _id: &str, _p: StoredPolicy) -> Result<(), StorageError> {
        todo!()
    }
    pub(crate) fn remove_policy(&self, _c: &str, _id: &str) -> Result<(), StorageError> {
        todo!()
    }
}
