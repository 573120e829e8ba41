//! Phase 4, prioritize: how urgent is it under the policy, and by when is it due?
