"""Stack traces as Python, Java and Go print them."""

import random
from collections.abc import Callable
from typing import Final


def _python(rng: random.Random) -> str:
    name = rng.choice(("STRIPE_KEY", "DATABASE_URL", "customer_id"))
    return (
        "Traceback (most recent call last):\n"
        f'  File "/app/main.py", line {rng.randrange(20, 90)}, in <module>\n'
        "    main()\n"
        f'  File "/app/billing/service.py", line {rng.randrange(90, 300)}, in charge\n'
        f'    key = settings["{name}"]\n'
        "          ~~~~~~~~^^^^^^^^^^^^^^\n"
        f"KeyError: '{name}'"
    )


def _java(rng: random.Random) -> str:
    line = rng.randrange(40, 400)
    return (
        "java.lang.IllegalStateException: connection pool is closed\n"
        f"\tat com.example.shop.OrderRepository.find(OrderRepository.java:{line})\n"
        f"\tat com.example.shop.OrderService.place(OrderService.java:{line + 12})\n"
        "\tat java.base/java.lang.Thread.run(Thread.java:1583)\n"
        "Caused by: java.net.ConnectException: Connection refused\n"
        "\t... 24 more"
    )


def _go(rng: random.Random) -> str:
    return (
        "panic: runtime error: invalid memory address or nil pointer dereference\n"
        f"[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x{rng.getrandbits(24):x}]\n"
        "\n"
        "goroutine 1 [running]:\n"
        "main.(*Router).Serve(0x0, 0xc000112000)\n"
        f"\t/src/router.go:{rng.randrange(30, 300)} +0x1d\n"
        "main.main()\n"
        "\t/src/main.go:41 +0x9c"
    )


TRACES: Final[dict[str, Callable[[random.Random], str]]] = {
    "python": _python,
    "java": _java,
    "go": _go,
}
