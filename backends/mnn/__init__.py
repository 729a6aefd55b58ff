"""MNN: NCHW tensors of f32 and i32; weights inside the ops; run by the published wheel."""
