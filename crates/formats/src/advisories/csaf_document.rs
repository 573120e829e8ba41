//! The parts of a CSAF document (2.0 and 2.1) that are used, and its product
//! tree flattened to product ids.
//!
//! Source of the format: <https://docs.oasis-open.org/csaf/csaf/v2.0/>. The
//! JSON reader caps nesting at 128, so walking branches by recursion is bounded.

use super::json_text::{List, Object, Word};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub(super) struct Csaf<'a> {
    #[serde(borrow)]
    pub document: Object<Head<'a>>,
    #[serde(borrow, default)]
    pub product_tree: Object<Tree<'a>>,
    #[serde(borrow, default)]
    pub vulnerabilities: List<Object<Vulnerability<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Head<'a> {
    #[serde(borrow)]
    pub category: Word<'a>,
    #[serde(borrow)]
    pub title: Word<'a>,
    #[serde(borrow)]
    pub publisher: Object<Publisher<'a>>,
    #[serde(borrow)]
    pub tracking: Object<Tracking<'a>>,
    #[serde(borrow)]
    pub notes: List<Object<Note<'a>>>,
    #[serde(borrow)]
    pub references: List<Object<Reference<'a>>>,
    #[serde(borrow)]
    pub aggregate_severity: Object<Severity<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Publisher<'a> {
    #[serde(borrow)]
    pub name: Word<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Tracking<'a> {
    #[serde(borrow)]
    pub id: Word<'a>,
    #[serde(borrow)]
    pub initial_release_date: Word<'a>,
    #[serde(borrow)]
    pub current_release_date: Word<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Note<'a> {
    #[serde(borrow)]
    pub category: Word<'a>,
    #[serde(borrow)]
    pub text: Word<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Reference<'a> {
    #[serde(borrow)]
    pub category: Word<'a>,
    #[serde(borrow)]
    pub url: Word<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Severity<'a> {
    #[serde(borrow)]
    pub text: Word<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Tree<'a> {
    #[serde(borrow)]
    pub branches: List<Object<Branch<'a>>>,
    #[serde(borrow)]
    pub full_product_names: List<Object<FullProduct<'a>>>,
    #[serde(borrow)]
    pub relationships: List<Object<Relationship<'a>>>,
    #[serde(borrow)]
    pub product_groups: List<Object<Group<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Branch<'a> {
    #[serde(borrow)]
    pub category: Word<'a>,
    #[serde(borrow)]
    pub name: Word<'a>,
    #[serde(borrow)]
    pub product: Option<Object<FullProduct<'a>>>,
    #[serde(borrow)]
    pub branches: List<Object<Branch<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct FullProduct<'a> {
    #[serde(borrow)]
    pub name: Word<'a>,
    #[serde(borrow)]
    pub product_id: Word<'a>,
    #[serde(borrow)]
    pub product_identification_helper: Object<Helper<'a>>,
}

/// 2.0 has one `purl`, 2.1 a list `purls`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Helper<'a> {
    #[serde(borrow)]
    pub purl: Word<'a>,
    #[serde(borrow)]
    pub purls: List<Word<'a>>,
    #[serde(borrow)]
    pub cpe: Word<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Relationship<'a> {
    #[serde(borrow)]
    pub full_product_name: Object<FullProduct<'a>>,
    #[serde(borrow)]
    pub product_reference: Word<'a>,
    #[serde(borrow)]
    pub relates_to_product_reference: Word<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Group<'a> {
    #[serde(borrow)]
    pub group_id: Word<'a>,
    #[serde(borrow)]
    pub product_ids: List<Word<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Vulnerability<'a> {
    #[serde(borrow)]
    pub cve: Word<'a>,
    #[serde(borrow)]
    pub ids: List<Object<Id<'a>>>,
    #[serde(borrow)]
    pub title: Word<'a>,
    #[serde(borrow)]
    pub notes: List<Object<Note<'a>>>,
    #[serde(borrow)]
    pub product_status: Object<ProductStatus<'a>>,
    #[serde(borrow)]
    pub remediations: List<Object<Remediation<'a>>>,
    #[serde(borrow)]
    pub scores: List<Object<Score<'a>>>,
    #[serde(borrow)]
    pub metrics: List<Object<Metric<'a>>>,
    #[serde(borrow)]
    pub threats: List<Object<Threat<'a>>>,
    #[serde(borrow)]
    pub flags: List<Object<Flag<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Id<'a> {
    #[serde(borrow)]
    pub text: Word<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ProductStatus<'a> {
    #[serde(borrow)]
    pub fixed: List<Word<'a>>,
    #[serde(borrow)]
    pub first_fixed: List<Word<'a>>,
    #[serde(borrow)]
    pub known_affected: List<Word<'a>>,
    #[serde(borrow)]
    pub first_affected: List<Word<'a>>,
    #[serde(borrow)]
    pub last_affected: List<Word<'a>>,
    #[serde(borrow)]
    pub known_not_affected: List<Word<'a>>,
    #[serde(borrow)]
    pub under_investigation: List<Word<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Remediation<'a> {
    #[serde(borrow)]
    pub category: Word<'a>,
    #[serde(borrow)]
    pub details: Word<'a>,
    #[serde(borrow)]
    pub url: Word<'a>,
    #[serde(borrow)]
    pub product_ids: List<Word<'a>>,
    #[serde(borrow)]
    pub group_ids: List<Word<'a>>,
}

/// CVSS of 2.0.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Score<'a> {
    #[serde(borrow)]
    pub cvss_v2: Object<super::cve5::Score<'a>>,
    #[serde(borrow)]
    pub cvss_v3: Object<super::cve5::Score<'a>>,
    #[serde(borrow)]
    pub cvss_v4: Object<super::cve5::Score<'a>>,
}

/// CVSS of 2.1 moved into `content`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Metric<'a> {
    #[serde(borrow)]
    pub content: Object<Score<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Threat<'a> {
    #[serde(borrow)]
    pub category: Word<'a>,
    #[serde(borrow)]
    pub details: Word<'a>,
    #[serde(borrow)]
    pub product_ids: List<Word<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Flag<'a> {
    #[serde(borrow)]
    pub label: Word<'a>,
    #[serde(borrow)]
    pub product_ids: List<Word<'a>>,
    #[serde(borrow)]
    pub group_ids: List<Word<'a>>,
}

/// A product by its id: where it stands in the tree and how it is called.
#[derive(Clone, Default, Debug)]
pub(super) struct Product<'d> {
    /// Name of the full product, `sudo-0:1.9.5p2-1.el8_6.src`.
    pub name: &'d str,
    /// Vendor branch.
    pub vendor: &'d str,
    /// Product branch.
    pub product: &'d str,
    /// Version branch, where it is a single version.
    pub version: &'d str,
    /// Version range branch.
    pub range: &'d str,
    /// Package URLs.
    pub purls: Vec<&'d str>,
    /// Platform name.
    pub cpe: &'d str,
    /// For a component of something: component and platform.
    pub parts: Option<(&'d str, &'d str)>,
}

/// Every product of a document by its id, and groups of them.
#[derive(Default)]
pub(super) struct Products<'d> {
    by_id: BTreeMap<&'d str, Product<'d>>,
    groups: BTreeMap<&'d str, Vec<&'d str>>,
}

/// Longest chain of "component of" that is followed.
const CHAIN: usize = 8;

impl<'d> Products<'d> {
    /// Flattens a product tree.
    pub fn of(tree: &'d Tree<'_>) -> Self {
        let mut products = Self::default();
        products.branches(&tree.branches, &Product::default());
        for full in &tree.full_product_names {
            products.add(full, Product::default());
        }
        for relationship in &tree.relationships {
            let parts = (
                relationship.product_reference.as_str(),
                relationship.relates_to_product_reference.as_str(),
            );
            products.add(&relationship.full_product_name, Product { parts: Some(parts), ..Product::default() });
        }
        for group in &tree.product_groups {
            let ids = group.product_ids.iter().map(Word::as_str).collect();
            products.groups.insert(group.group_id.as_str(), ids);
        }
        products
    }

    fn branches(&mut self, branches: &'d List<Object<Branch<'_>>>, above: &Product<'d>) {
        for branch in branches {
            let mut here = above.clone();
            let name = branch.name.as_str();
            match branch.category.as_str() {
                "vendor" => here.vendor = name,
                "product_name" | "product_family" => here.product = name,
                "product_version" => here.version = name,
                "product_version_range" => here.range = name,
                _ => {}
            }
            if let Some(full) = &branch.product {
                self.add(full, here.clone());
            }
            self.branches(&branch.branches, &here);
        }
    }

    fn add(&mut self, full: &'d FullProduct<'_>, mut product: Product<'d>) {
        let helper = &full.product_identification_helper;
        product.name = full.name.as_str();
        product.cpe = helper.cpe.as_str();
        product.purls = std::iter::once(&helper.purl)
            .chain(&helper.purls)
            .map(Word::as_str)
            .filter(|purl| !purl.is_empty())
            .collect();
        let id = full.product_id.as_str();
        if !id.is_empty() {
            self.by_id.entry(id).or_insert(product);
        }
    }

    /// The product of an id.
    pub fn get(&self, id: &str) -> Option<&Product<'d>> {
        self.by_id.get(id)
    }

    /// The component a product id stands for, and what it is a component of,
    /// nearest first; both from following relationships.
    pub fn resolve(&self, id: &str) -> Option<(&Product<'d>, Vec<&Product<'d>>)> {
        let mut component = self.get(id)?;
        let mut platforms = Vec::new();
        let mut pending = Vec::new();
        for _ in 0..CHAIN {
            let Some((part, whole)) = component.parts else { break };
            pending.push(whole);
            match self.get(part) {
                Some(next) => component = next,
                None => break,
            }
        }
        for _ in 0..CHAIN {
            let Some(whole) = pending.pop().and_then(|id| self.get(id)) else { break };
            platforms.push(whole);
            if let Some((part, further)) = whole.parts {
                pending.push(further);
                pending.push(part);
            }
        }
        Some((component, platforms))
    }

    /// Product ids named directly or by group.
    pub fn ids<'s>(&'s self, ids: &'s [Word<'_>], groups: &'s [Word<'_>]) -> Vec<&'s str> {
        let mut out: Vec<&str> = ids.iter().map(Word::as_str).collect();
        for group in groups {
            if let Some(members) = self.groups.get(group.as_str()) {
                out.extend(members.iter().copied());
            }
        }
        out
    }
}
