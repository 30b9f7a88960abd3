"""The targets `compose`, `swarm` and `kubernetes`: files that deploy an application in containers, made from its graph alone.

`_wired.py` gives each component its key and each edge its secret, `_image.py` what the image is made of, `_subnets.py` a network for each edge; `_compose.py`, `_swarm.py` and `_kubernetes.py`
write each what their engine reads. What runs in a container is `remit.app.hosting`'s.
"""

from remit.app.targets.containers._target import ComposeTarget, KubernetesTarget, SwarmTarget

__all__ = ["ComposeTarget", "KubernetesTarget", "SwarmTarget"]
