//! The nouns of Plimsoll, one file each, under the field's standard terms.
//!
//! Nothing in here reads a clock, a file or a random number: values arrive
//! from `plimsoll-formats` and leave through the edges. Serialised names are
//! part of the published contract (`docs/schema/`), so a rename is a breaking
//! change.

pub mod accreditation;
pub mod advisory;
pub mod artefact;
pub mod assignment;
pub mod authorisation;
pub mod because;
pub mod component;
pub mod dependency;
pub mod deployment_package;
pub mod exception;
pub mod finding;
pub mod host;
pub mod identifier;
pub mod look;
pub mod mitigation;
pub mod obligation;
pub mod outcome;
pub mod policy;
pub mod problem;
pub mod question;
pub mod registration;
pub mod report;
pub mod scan;
pub mod scanner;
pub mod source;
pub mod statement;
pub mod stream;
pub mod support;
pub mod threat;
pub mod transition;
pub mod triage;
pub mod update;
pub mod work;
