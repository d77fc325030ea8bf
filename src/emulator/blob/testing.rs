//! A small world for the tests of the blob plane.
