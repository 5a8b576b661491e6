"""The workloads, by family: each has its data, everybody's way to the answer, and targets.

Everybody writes what a competent user of theirs would write, from the same NumPy data;
getting data in is not timed, and whatever a library hands out as a gradient counts.
"""

from benchmarks.workloads import (
    forward,
    large,
    networks,
    regression,
    scalars,
    science,
    sequences,
    starting,
)

WORKLOADS = {
    w.name: w
    for w in (
        scalars.neuron,
        scalars.chain,
        scalars.deep,
        regression.logistic,
        regression.linear,
        regression.softmax,
        regression.hessian,
        forward.solution,
        forward.sensitivity,
        forward.diffusion,
        forward.diffusion_wide,
        networks.mlp32,
        networks.mlp64,
        networks.mlp512,
        science.factors,
        science.pendulum,
        science.surface,
        sequences.rnn,
        sequences.hidden,
        sequences.transformer,
        large.curve,
        large.mixture,
        large.norm,
        starting.first,
        starting.imports,
    )
}
