//! The receipt of a delete, and the public keys that it is verified with (contract section 7).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A signed receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignedReceipt {
    /// What is attested.
    pub receipt: Receipt,
    /// Ed25519, over the receipt as JSON with its members in order of their names and no white space; hexadecimal.
    pub signature: String,
}

/// What is attested of a delete. The members stand in the order of their names: that is the signed form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Receipt {
    /// When it was done, milliseconds.
    pub at: u64,
    /// The UCIDs that were deleted.
    pub deleted_profiles: Vec<String>,
    /// Names the delete.
    pub deletion_id: String,
    /// When this receipt was made, milliseconds.
    pub issued_at: u64,
    /// Which key signed it.
    pub key_id: String,
    /// The organisation.
    pub org_id: u64,
    /// Where the profiles lived.
    pub region: String,
    /// How many values the request named.
    pub requested: u32,
    /// The version of this form: 1.
    pub version: u32,
}

/// `/.well-known/onefold-keys.json`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublicKeys {
    /// The present one first.
    pub keys: Vec<PublicKey>,
}

/// A public key of receipts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublicKey {
    /// Its id: the first 16 hexadecimal digits of its SHA-256.
    pub key_id: String,
    /// `Ed25519`
    pub algorithm: String,
    /// 32 bytes, hexadecimal.
    pub public_key: String,
    /// When it was made, milliseconds.
    pub made_at: u64,
    /// When another took its place, milliseconds.
    pub retired_at: Option<u64>,
}
