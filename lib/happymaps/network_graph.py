"""The calls of a network's layers, in order.

Keras has no public record of them.
"""

from happymaps.backend import keras


def functional_form(network: keras.Model) -> keras.Model:
    """Return the graph of layers of a Functional or built Sequential network."""
    return network._functional if isinstance(network, keras.Sequential) else network


def is_graph(operation) -> bool:
    """Return whether an operation is a network whose layers can be run one by one."""
    return hasattr(functional_form(operation), "_nodes_by_depth")


def graph_nodes(graph: keras.Model) -> list:
    """Return the calls of a network's layers, in order, without its inputs."""
    depths = graph._nodes_by_depth
    nodes = [node for depth in sorted(depths, reverse=True) for node in depths[depth]]
    return [node for node in nodes if not node.is_input]
