"""What a program from elsewhere may do: arithmetic on tensors, and nothing with files or names.

A list of what is allowed, not of what is forbidden: torch knows thousands of operations, among them
some that read and write files. Each here takes tensors and numbers and gives tensors and numbers.
"""

from __future__ import annotations

_NETWORK = """
_convolution convolution conv1d conv2d conv_transpose2d linear matmul mm bmm addmm baddbmm einsum
dot batch_norm _native_batch_norm_legit_no_training _batch_norm_no_update native_batch_norm
layer_norm native_layer_norm group_norm native_group_norm instance_norm rms_norm
adaptive_avg_pool1d adaptive_avg_pool2d _adaptive_avg_pool2d adaptive_max_pool2d avg_pool2d
max_pool2d max_pool2d_with_indices
dropout dropout_ feature_dropout alpha_dropout native_dropout
scaled_dot_product_attention softmax _softmax log_softmax _log_softmax
upsample_nearest2d upsample_bilinear2d upsample_bicubic2d _upsample_bilinear2d_aa
_upsample_bicubic2d_aa _upsample_lanczos2d_aa _upsample_nearest_exact1d _upsample_nearest_exact2d
_upsample_nearest_exact3d upsample_nearest1d upsample_nearest3d upsample_linear1d
upsample_trilinear3d pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle
grid_sampler grid_sampler_2d adaptive_avg_pool3d adaptive_max_pool3d avg_pool3d max_pool3d conv3d
affine_grid_generator embedding im2col col2im unfold fold local_response_norm
"""
_ELEMENTWISE = """
relu relu_ relu6 relu6_ leaky_relu leaky_relu_ elu elu_ selu selu_ celu celu_ prelu gelu silu silu_
mish mish_ softplus hardtanh hardtanh_ hardswish hardswish_ hardsigmoid hardsigmoid_ sigmoid
sigmoid_ tanh tanh_ erf log_sigmoid threshold threshold_
add add_ sub sub_ rsub mul mul_ div div_ pow square sqrt rsqrt exp expm1 log log1p log2 neg abs
reciprocal sign floor ceil round clamp clamp_ clamp_min clamp_max minimum maximum fmod remainder
floor_divide sin cos tan atan atan2 addcmul addcdiv lerp where masked_fill masked_fill_
fill fill_ zero_ eq ne lt le gt ge logical_and logical_or logical_not bitwise_and bitwise_or
bitwise_not isnan isinf
"""
_SHAPE = """
sum mean var std var_mean amax amin max min argmax argmin prod cumsum norm linalg_vector_norm
logsumexp topk sort all any
view _unsafe_view reshape view_as expand expand_as flatten unflatten squeeze squeeze_ unsqueeze
unsqueeze_ permute transpose transpose_ t movedim swapaxes numpy_T contiguous clone detach detach_
alias copy copy_ to _to_copy type_as lift_fresh_copy lift_fresh
cat concat stack split split_with_sizes chunk unbind select slice narrow index index_select gather
roll flip repeat repeat_interleave tile pad constant_pad_nd reflection_pad2d replication_pad2d
zero_pad2d empty empty_like new_empty bernoulli bernoulli_ rand randn rand_like randn_like
tensor adaptive_max_pool1d avg_pool1d max_pool1d std_mean index_put index_put_ scatter scatter_add
zeros ones full zeros_like ones_like full_like new_zeros new_ones
new_full arange linspace eye scalar_tensor tril triu meshgrid
"""
TENSOR = frozenset(f"{_NETWORK} {_ELEMENTWISE} {_SHAPE}".split())
# What an exported program checks of itself: nothing is computed.
_CHECKS = """
_assert_scalar _assert_async _assert_tensor_metadata sym_constrain_range
sym_constrain_range_for_size
"""
CHECKS = frozenset(_CHECKS.split())
# Sizes and control flow in TorchScript.
_SCRIPT = """
aten::size aten::dim aten::numel aten::len aten::__getitem__ aten::append aten::Int aten::Float
aten::Bool aten::IntImplicit aten::FloatImplicit aten::ScalarImplicit aten::item aten::__is__
aten::__isnot__ aten::__not__ aten::__and__ aten::__or__ aten::floordiv aten::format aten::list
aten::is_floating_point aten::device aten::__contains__ aten::__range_length aten::__derive_index
aten::mod aten::truediv aten::ceil aten::floor aten::insert aten::copy aten::warn
aten::_set_item aten::dict aten::keys aten::items prim::DictConstruct
prim::Constant prim::GetAttr prim::If prim::Loop prim::ListConstruct prim::ListUnpack
prim::TupleConstruct prim::TupleUnpack prim::TupleIndex prim::NumToTensor prim::RaiseException
prim::unchecked_cast prim::unchecked_unwrap_optional prim::isinstance prim::Uninitialized
prim::device prim::dtype prim::layout prim::min prim::max prim::abs prim::is_cuda prim::data
prim::requires_grad
"""
SCRIPT = frozenset(_SCRIPT.split()) | {f"aten::{name}" for name in TENSOR}
