//! Operation rows
