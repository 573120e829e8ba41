//! SBOM documents: CycloneDX and SPDX.
