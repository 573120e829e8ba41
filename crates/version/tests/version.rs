//! Holds the order of versions against the public vectors, the real tools, and its own laws.

mod version {
    mod laws;
    mod oracles;
    mod requirements;
    mod samples;
    mod vectors;
}
