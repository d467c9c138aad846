//! The one loop: stamp, append, apply, effects; recovery and read handles.
