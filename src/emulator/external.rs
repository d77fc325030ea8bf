//! (stub)
use crate::emulator::storage::{NewBlob, StorageError, StoredBlob, StoredPolicy};
use bytes::Bytes;

#[derive(Debug)]
pub(crate) struct ExternalAccount;
impl ExternalAccount {
    pub(crate) fn new(_n: String, _k: String, _u: String) -> Self {
        Self
    }
    pub(crate) fn name(&self) -> &str {
        todo!()
    }
    pub(crate) fn url(&self) -> &str {
        todo!()
    }
    pub(crate) fn key(&self) -> &str {
        todo!()
    }
    pub(crate) async fn create_container(&self, _c: &str) -> Result<(), StorageError> {
        todo!()
    }
    pub(crate) async fn delete_container(&self, _c: &str) -> Result<(), StorageError> {
        todo!()
    }
    pub(crate) async fn container_exists(&self, _c: &str) -> Result<bool, StorageError> {
        todo!()
    }
    pub(crate) async fn list_blobs(&self, _c: &str) -> Result<Vec<StoredBlob>, StorageError> {
        todo!()
    }
    pub(crate) async fn put_blob(&self, _c: &str, _n: &str, _b: NewBlob) -> Result<(), StorageError> {
        todo!()
    }
    pub(crate) async fn read_blob(
        &self,
        _c: &str,
        _n: &str,
        _o: u64,
        _l: u64,
    ) -> Result<(StoredBlob, Bytes), StorageError> {
        todo!()
    }
    pub(crate) async fn copy_within(&self, _f: (&str, &str), _t: (&str, &str)) -> Result<(), StorageError> {
        todo!()
    }
    pub(crate) async fn set_policy(&self, _c: &str, _id: &str, _p: StoredPolicy) -> Result<(), StorageError> {
        todo!()
    }
    pub(crate) async fn remove_policy(&self, _c: &str, _id: &str) -> Result<(), StorageError> {
        todo!()
    }
}
