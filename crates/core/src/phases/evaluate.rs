//! Phase 3, evaluate: do we run it, is it relevant here, where is the fix?
