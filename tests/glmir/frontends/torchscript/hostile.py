# ruff: noqa: E501, for programs are easier to read in one piece
"""Programs made to run something, to run for ever, to grow without end, or to confuse; each a few hundred bytes.

``x`` is ``f32[2, 3]``. Every program must be refused with a sentence, but for those in ``HARMLESS``.
"""

import textwrap

from tests.glmir.frontends.torchscript.building import forward

MARKER = "owned-by-a-program"


def _nested(line: str, depth: int, innermost: str) -> str:
    """``line`` within itself, ``depth`` deep; its ``#`` is the depth."""
    lines = [" " * i + line.replace("#", str(i)) for i in range(depth)]
    return "\n".join([*lines, *textwrap.indent(innermost, " " * depth).splitlines()])


def _method(code: str) -> str:
    return textwrap.indent(textwrap.dedent(code).strip("\n"), "  ")


_ENDLESS = {
    "while true": "while True:\n  pass",
    "while true on tensors": "while True:\n  x = torch.add(x, 1)",
    "while true on views": "while True:\n  x = torch.select(torch.unsqueeze(x, 0), 0, 0)",
    "in place for ever": "while True:\n  _ = torch.add_(x, 1)",
    "views written for ever": "y = torch.select(x, 0, 0)\nwhile True:\n  _ = torch.add_(y, 1)",
    "views of views": "while True:\n  x = torch.transpose(x, 0, 1)\n  _ = torch.add_(x, 1)",
    "while true on numbers": "n = 0\nwhile True:\n  n = torch.add(n, 1)",
    "while true on failures": "while True:\n  x = torch.what(x)",
    "for without end": "for i in range(1000000000000):\n  pass",
    "for in for": _nested("for i# in range(100000):", 12, "pass"),
    "for on tensors": "for i in range(1000000000):\n  x = torch.mul(x, x)",
    "for over a long list": "l = prim.rangelist(1000000000)\nfor i in range(torch.len(l)):\n  pass",
    "printing": "while True:\n  ops.prim.Print(x)",
    "raising in turn": "while True:\n  n = torch.__getitem__([1], 5)",
    "branches for ever": "while True:\n  if bool(torch.sum(x)):\n    x = torch.add(x, 1)\n  else:\n    pass",
    "long empty loops": "for i in range(1000000000):\n  for j in range(0):\n    pass",
    "long statement": "return " + "torch.add(x, " * 80 + "1" + ", alpha=1)" * 80,
    "growing journal": "if bool(torch.sum(x)):\n  while True:\n    _ = torch.add_(x, 1)\n    l = [x]\n"
    "    _ = torch.append(l, x)\nelse:\n  pass",
}

_GROWING = {
    "doubled list": "l = [x]\nwhile True:\n  l = torch.add(l, l)",
    "doubled list in place": "l = [1]\nwhile True:\n  _ = torch.add_(l, l)",
    "extended by itself": "l = [1]\nwhile True:\n  torch.extend(l, l)",
    "repeated list": "l = torch.mul([1], 1000000000000)",
    "appended for ever": "l = [1]\nwhile True:\n  _ = torch.append(l, 1)",
    "tensors appended for ever": "l = [x]\nwhile True:\n  _ = torch.append(l, x)",
    "inserted for ever": "l = [1]\nwhile True:\n  torch.insert(l, 0, 1)",
    "dict for ever": "d = {0: 1}\nn = 0\nwhile True:\n  n = torch.add(n, 1)\n  torch._set_item(d, n, n)",
    "doubled text": 's = "ab"\nwhile True:\n  s = torch.add(s, s)',
    "formatted text": 's = "ab"\nwhile True:\n  s = torch.format("{}{}{}{}", s, s, s, s)',
    "joined text": 's = "ab"\nwhile True:\n  s = torch.join(s, [s, s, s])',
    "replaced text": 's = "aa"\nwhile True:\n  s = torch.replace(s, "a", s)',
    "replaced nothing": 's = "aa"\nwhile True:\n  s = torch.replace(s, "", s)',
    "padded text": 's = torch.center("a", 1000000000000)',
    "ljust": 's = torch.ljust("a", 10000000000)',
    "zfill": 's = torch.zfill("a", 10000000000)',
    "tabs": 's = torch.expandtabs("\\t", 2000000000)',
    "percent": 's = torch.percentFormat("%1000000000d", 1)',
    "percent star": 's = torch.percentFormat("%*d", 1000000000, 1)',
    "percent digits": 's = torch.percentFormat("%.1000000000f", 1.0)',
    "bytes of numbers": "n = 1\nwhile True:\n  n = torch.mul(n, 7)",
    "squared": "n = 7\nwhile True:\n  n = torch.mul(n, n)",
    "shift": "n = torch.__lshift__(1, 1000000000000)",
    "shift again": "n = 1\nwhile True:\n  n = torch.__lshift__(n, 60)",
    "right shift": "n = torch.__rshift__(1, 1000000000000)",
    "negative shift": "n = torch.__lshift__(1, -1)\nreturn n",
    "power": "n = torch.pow(10, torch.pow(10, 10))",
    "power of ints": "n = torch.Int(torch.pow(10.0, 300))\nreturn torch.add(x, n)",
    "factorial": "n = torch.factorial(1000000)",
    "huge literal": "n = 0x" + "f" * 1_000_000,
    "decimal literal": "n = " + "9" * 4000 + "\nreturn torch.add(x, n)",
    "int of text": 's = "9"\nfor i in range(13):\n  s = torch.add(s, s)\nn = int(s)\nreturn n',
    "range list": "l = ops.prim.rangelist(10000000000)",
    "list in itself": "l = [1]\n_ = torch.append(l, l)\nreturn l",
    "lists of each other": "l = [[1]]\nm = [l]\n_ = torch.append(l, m)\nn = torch.eq(l, m)",
    "dict in itself": "d = {0: 1}\ntorch._set_item(d, 1, d)\nreturn d",
    "nested list": "l = [1]\nfor i in range(100000):\n  l = [l]\nreturn l",
    "nested tuple": "l = (1,)\nfor i in range(100000):\n  l = (l,)\nreturn l",
    "laughing list": "l = [x]\nfor i in range(100):\n  l = [l, l]\nreturn l",
    "laughing tuple": "l = (x, x)\nfor i in range(100):\n  l = (l, l)\nn = torch.len(l)",
    "laughing dict": "d = {0: 1}\nfor i in range(100):\n  d = {0: d, 1: d}\ns = torch.str(d)",
    "laughing text": 'd = ["a"]\nfor i in range(19):\n  d = [d, d]\ns = torch.str(d)\nn = torch.str([s, s, s, s, s])',
    "laughing equality": "l = [1]\nfor i in range(100):\n  l = [l, l]\nm = torch.eq(l, l)",
    "laughing branch": "l = (x, x)\nif bool(torch.sum(x)):\n  for i in range(100):\n    l = (l, l)\nelse:\n  pass\nreturn l",
    "laughing late": "a = [x]\nl = [a, a]\nfor i in range(14):\n  l = [l, l]\nfor i in range(100000):\n"
    "  _ = torch.append(a, x)\nif bool(torch.sum(x)):\n  m = l\nelse:\n  m = a\nreturn m",
    "laughing type": "l = [1]\nfor i in range(100):\n  l = [l, l]\nb = isinstance(l, "
    + "List[" * 100
    + "int"
    + "]" * 100
    + ")",
    "flat of huge": "l = torch.mul([1], 100000)\nfor i in range(10000):\n  y = torch.tensor(l)",
    "many copies": "l = torch.mul([1], 100000)\nd = {0: l}\nfor i in range(10000):\n"
    "  torch._set_item(d, i, torch.list(l))",
    "many texts": 's = "a"\nfor i in range(20):\n  s = torch.add(s, s)\nd = {0: s}\nfor i in range(100000):\n'
    '  torch._set_item(d, i, torch.add(s, "a"))',
    "split text": 's = "a "\nfor i in range(19):\n  s = torch.add(s, s)\nd = {0: torch.split(s)}\n'
    "for i in range(10000):\n  torch._set_item(d, i, torch.split(s))",
    "counted in text": 's = "a"\nfor i in range(19):\n  s = torch.add(s, s)\nwhile True:\n'
    '  n = torch.find(s, torch.add(s, "b"))\n  m = torch.count(s, "a")',
    "regular text": 's = "{"\nfor i in range(19):\n  s = torch.add(s, s)\nt = torch.format(s, 1)',
    "sorted for ever": "l = torch.mul([1, 5, 3], 30000)\nwhile True:\n  l = torch.sorted(l)",
    "sliced for ever": "l = torch.mul([1, 5, 3], 30000)\nwhile True:\n  m = torch.slice(l, 1)",
    "summed for ever": "l = torch.mul([1, 5, 3], 30000)\nwhile True:\n  m = torch.sum(l)",
    "contained for ever": "l = torch.mul([1, 5, 3], 30000)\nwhile True:\n  m = torch.__contains__(l, 9)",
    "literals for ever": "while True:\n  l = [" + "1, " * 5000 + "]",
    "passed on": "l = torch.mul([x], 90000)\nwhile True:\n  y = torch.stack(l)",
}

_SHAPES = {
    "huge zeros": "y = torch.zeros([1099511627776, 1099511627776])\nreturn torch.add(y, 1)",
    "huge ones": "y = torch.ones([1099511627776])\nreturn torch.sum(torch.add(y, 1))",
    "many axes": "y = torch.zeros(torch.mul([1], 1000))\nreturn y",
    "repeat": "return torch.repeat(x, [1099511627776, 1099511627776])",
    "expand": "return torch.add(torch.expand(torch.select(x, 0, 0), [1099511627776, 3]), 1)",
    "range": "return torch.arange(1000000000000)",
    "closed range": "return torch.range(0, 1000000000000)",
    "empty range": "return torch.arange(0, 10, 0)",
    "nan range": "return torch.arange(nan)",
    "infinite range": "return torch.arange(0, inf, 1)",
    "linspace": "return torch.linspace(0, 1, 100000000000)",
    "logspace": "return torch.logspace(0, 1, 100000000000)",
    "eye": "return torch.eye(10000000)",
    "tril indices": "return torch.tril_indices(1000000, 1000000)",
    "triu indices": "return torch.triu_indices(1000000, 1000000)",
    "window": "return torch.hann_window(100000000000)",
    "kaiser window": "return torch.kaiser_window(100000000000)",
    "one hot": "return torch.one_hot(torch.zeros([2], dtype=4), 1000000000000)",
    "pad": "return torch.constant_pad_nd(x, [1099511627776, 1099511627776])",
    "negative sizes": "return torch.zeros([-5, 3])",
    "negative pad": "return torch.constant_pad_nd(x, [-50, -50])",
    "nan size": "return torch.zeros([nan])",
    "fft": "return torch.abs(torch.fft_rfft(x, 100000000))",
    "interpolate": "return torch.upsample_bilinear2d(torch.reshape(x, [1, 1, 2, 3]), [1099511627776, 1099511627776], False)",
    "bicubic": "return torch.upsample_bicubic2d(torch.reshape(x, [1, 1, 2, 3]), [100000, 100000], False)",
    "adaptive pooling": "return torch.adaptive_avg_pool2d(torch.reshape(x, [1, 1, 2, 3]), [1000000, 1000000])",
    "adaptive max": "return torch.adaptive_max_pool2d(torch.reshape(x, [1, 1, 2, 3]), [1000000, 1000000])",
    "unfold": "return torch.unfold(torch.zeros([100000000]), 0, 10000000, 1)",
    "cumulative": "return torch.cumsum(torch.zeros([100000000000]), 0)",
    "chunks": "return torch.chunk(torch.zeros([100000000000]), 100000000000)[0]",
    "splits": "return torch.split(torch.zeros([100000000000]), 1)[0]",
    "unbind": "return torch.unbind(torch.zeros([100000000000]))[0]",
    "tensor split": "return torch.tensor_split(torch.zeros([100000000000]), 1000000000)[0]",
    "iterated": "n = 0\nfor i in range(torch.len(torch.zeros([100000000000]))):\n  n = torch.add(n, i)",
    "combinations": "return torch.combinations(torch.zeros([100000]), 5)",
    "cartesian": "return torch.cartesian_prod([torch.arange(10000), torch.arange(10000), torch.arange(10000)])",
    "meshgrid": "y = torch.meshgrid([torch.arange(16000), torch.arange(16000), torch.arange(16000)])[0]\nreturn torch.add(y, 1)",
    "long recurrence": "y = torch.zeros([1000000000, 1, 3])\nreturn torch.lstm(y, [x, x], [x, x, x, x], True, 1, 0., False, False, False)[0]",
    "pow of tensors": "while True:\n  x = torch.cat([x, x])",
    "kron": "while True:\n  x = torch.kron(x, x)",
    "einsum": 'return torch.einsum("' + "a" * 1000 + ',b->", [x, x])',
    "matrix power": "return torch.matrix_power(torch.mm(x, torch.t(x)), 1000000000000)",
    "vander": "return torch.vander(torch.select(x, 0, 0), 1000000000)",
    "repeat interleave": "return torch.repeat_interleave(x, 1000000000000, 0)",
    "roll": "return torch.roll(x, [1000000000000000000000])",
    "strided": "return torch.as_strided(x, [1000000, 1000000], [0, 0], 0)",
    "strided outside": "return torch.as_strided(x, [2], [1000000000], 5)",
    "dtype codes": "return torch.to(x, 99)",
    "negative dtype": "return torch.zeros([2], dtype=-7)",
    "complex dtype": "return torch.zeros([2], dtype=9)",
    "huge axis": "return torch.sum(x, [10000000000000000000])",
    "many permutations": "return torch.permute(x, torch.mul([0], 100000))",
    "folded": "y = torch.arange(16000)\nfor i in range(10):\n  y = torch.cat([y, y])\n"
    "n = torch.item(torch.sum(y))\nreturn torch.add(x, n)",
}

_CONFUSED = {
    "class of a tensor": "y = x.__class__\nreturn y",
    "dict of self": 'y = getattr(self, "__dict__")\nreturn y',
    "class of self": "y = self.__class__.__init__\nreturn y",
    "globals": "y = self.forward.__globals__\nreturn y",
    "import": 'y = __torch__.__import__("os")\nreturn y',
    "import statement": "import os\nreturn x",
    "import from": "from os import system\nreturn x",
    "eval": f"y = eval(\"open('{MARKER}', 'w')\")\nreturn x",
    "exec": f"exec(\"open('{MARKER}', 'w')\")\nreturn x",
    "open": f'y = open("{MARKER}", "w")\nreturn x',
    "dunder import": '__import__("os").system("touch ' + MARKER + '")\nreturn x',
    "builtins": '__builtins__.open("' + MARKER + '", "w")\nreturn x',
    "subclasses": "y = ().__class__.__bases__[0].__subclasses__()\nreturn x",
    "ops of os": f'y = ops.os.system("touch {MARKER}")\nreturn x',
    "torch of os": f'y = torch.os.system("touch {MARKER}")\nreturn x',
    "torch load": f'y = torch.load("{MARKER}")\nreturn x',
    "from file": f'y = torch.from_file("{MARKER}")\nreturn x',
    "save": f'torch.save(x, "{MARKER}")\nreturn x',
    "torch renamed": "torch = self\nreturn torch.relu(x)",
    "self renamed": "self = x\nreturn self.weight",
    "ops renamed": "ops = 5\nreturn ops.prim.what(x)",
    "lambda": "f = lambda y: y\nreturn f(x)",
    "comprehension": "return [i for i in range(10)]",
    "endless comprehension": "return [i for i in range(1000000000000)]",
    "generator": "return torch.stack(y for y in [x])",
    "walrus": "return torch.add(y := x, 1)",
    "f-string": 'return f"{open}"',
    "starred": "return torch.add(*[x, 1])",
    "keywords": "return torch.add(x, **{1: 1})",
    "yield": "yield x",
    "await": "return torch.add(await x, 1)",
    "try": "try:\n  return x\nexcept:\n  return x",
    "try for ever": "while True:\n  try:\n    pass\n  finally:\n    continue",
    "delete": "del x\nreturn x",
    "global": "global x\nreturn x",
    "class inside": "class A:\n  pass\nreturn A",
    "match": "match x:\n  case _:\n    return x",
    "break": "while True:\n  break\nreturn x",
    "continue": "for i in range(3):\n  continue\nreturn x",
    "else of a loop": "for i in range(3):\n  pass\nelse:\n  return x",
    "condition": "return x if x else x",
    "comparison": "return x < x",
    "operators": "return x + 1",
    "slices": "return x[1:2]",
    "augmented": "x += 1\nreturn x",
    "chained assignment": "y = z = x\nreturn y",
    "starred targets": "(a, *b) = [x, x, x]\nreturn a",
    "element assigned": "l = [x]\nl[0] = x\nreturn l[0]",
    "bytes": "return torch.add(x, b'a')",
    "ellipsis": "return torch.add(x, ...)",
    "imaginary": "return torch.add(x, 1j)",
    "decorator": "@eval\ndef f(y):\n  return y\nreturn f(x)",
    "unpack too few": "a, b, c = [x, x]\nreturn a",
    "unpack a number": "a, b = 5\nreturn a",
    "unpack a tensor": "a, b = x\nreturn a",
    "unpack nothing": "() = x\nreturn x",
    "no such constant": "return torch.add(x, CONSTANTS.c999)",
    "odd constant": "return torch.add(x, CONSTANTS.c²)",
    "dunder constant": "return torch.add(x, CONSTANTS.c0.__class__)",
    "missing": "return torch.add(x, nothing)",
    "before": "y = torch.add(z, 1)\nz = x\nreturn y",
    "uninitialized": "y = uninitialized(Tensor)\nreturn torch.add(y, 1)",
    "uninitialized number": "n = uninitialized(int)\nfor i in range(n):\n  pass\nreturn x",
    "uninitialized condition": "n = uninitialized(bool)\nif n:\n  pass\nelse:\n  pass\nreturn x",
    "uninitialized returned": "n = uninitialized(Tensor)\nreturn n",
    "uninitialized function": "n = uninitialized(Tensor)\nreturn n(x)",
    "unchecked": "y = unchecked_cast(Tensor, 5)\nreturn torch.relu(y)",
    "no arguments": "return torch.add()",
    "many arguments": "return torch.relu(" + "x, " * 3000 + ")",
    "twice": "return torch.add(x, other=1, self=x)",
    "unknown keyword": "return torch.relu(x, what=1)",
    "wrong types": 'return torch.conv2d("a", {1: 2}, None, [x], (), [[]], 5.5)',
    "none everywhere": "return torch.batch_norm(None, None, None, None, None, None, None, None, None)",
    "attribute of a number": "n = 5\nreturn n.what",
    "attribute of nothing": "return None.what",
    "method of a number": "n = 5\nreturn (n).what(x)",
    "no attribute": "return torch.add(x, self.nothing)",
    "no method": "return (self).nothing(x)",
    "called tensor": "return x(x)",
    "called number": "return (5)(x)",
    "self as a tensor": "return torch.relu(self)",
    "class as a tensor": "return torch.relu(__torch__.Net)",
    "new object": "y = __torch__.Net.__new__(__torch__.Net)\nreturn torch.relu(y.weight)",
    "new of none": "y = __torch__.Nix.__new__(__torch__.Nix)\nreturn y",
    "class outside": "return __torch__.os.system(x)",
    "class in a path": "return __torch__.__up__.__up__.etc.passwd(x)",
    "function as a number": "for i in range(self.forward):\n  pass\nreturn x",
    "key of a dict": "d = {[1]: x}\nreturn d",
    "unhashable": "d = {1: x}\nreturn torch.__getitem__(d, [1])",
    "tensor as a key": "d = {1: x}\nreturn torch.__contains__(d, x)",
    "spread dict": "d = {**{1: x}}\nreturn d",
    "types of branches": "if bool(torch.sum(x)):\n  y = [x]\nelse:\n  y = {0: x}\nreturn torch.relu(y)",
    "lengths of branches": "if bool(torch.sum(x)):\n  y = [x]\nelse:\n  y = [x, x]\nreturn y",
    "dtypes of branches": "if bool(torch.sum(x)):\n  y = x\nelse:\n  y = torch.to(x, 4)\nreturn y",
    "returns in branches": "if bool(torch.sum(x)):\n  return x\nelse:\n  return torch.neg(x)",
    "raising branches": 'if bool(torch.sum(x)):\n  ops.prim.RaiseException("a")\nelse:\n'
    '  ops.prim.RaiseException("b")\nreturn x',
    "conditions of text": 'if "a":\n  return torch.what(x)\nelse:\n  return x',
    "loop that changes types": "while bool(torch.sum(x)):\n  x = torch.to(x, 4)\nreturn x",
    "loop that changes shapes": "while bool(torch.sum(x)):\n  x = torch.cat([x, x])\nreturn x",
    "loop that changes kinds": "y = 5\nwhile bool(torch.sum(x)):\n  y = [x]\nreturn y",
    "loop that grows": "l = [x]\nwhile bool(torch.sum(x)):\n  _ = torch.append(l, x)\nreturn l[0]",
    "loop that returns": "while bool(torch.sum(x)):\n  return x\nreturn x",
    "loop that raises": 'while bool(torch.sum(x)):\n  ops.prim.RaiseException("a")\nreturn x',
    "loop that never settles": "y = torch.select(x, 0, 0)\nwhile bool(torch.sum(x)):\n  y = torch.unsqueeze(y, 0)\nreturn y",
    "reshaped in a loop": "while bool(torch.sum(x)):\n  _ = torch.unsqueeze_(x, 0)\nreturn x",
    "loop in a condition": "while bool(torch.sum(torch.what(x))):\n  pass\nreturn x",
    "nothing": "pass",
    "returned object": "return self",
    "returned function": "return self.forward",
    "returned class": "return __torch__.Net",
    "returned text": 'return "text"',
    "in place on a number": "n = 5\nreturn torch.add_(n, 1)",
    "in place on a constant": "y = torch.tensor(5)\nreturn torch.copy_(y, torch.zeros([3, 3]))",
    "not in place": "return torch.cat_([x, x])",
    "dunder operation": "return torch.__class__(x)",
    "dunder subclass": "return torch.__subclasshook__(x)",
    "table of the table": "return torch.overloads(x)",
    "getattr of data": 'return getattr(x, "value")',
    "getattr by a variable": 'n = "weight"\nreturn getattr(self, n)',
    "format with attributes": 'return torch.format("{0.__class__}", x)',
    "percent mapping": 'return torch.percentFormat("%(a)s", x)',
    "surrogates": 's = "\\ud800"\nops.prim.RaiseException(s)\nreturn x',
    "control characters": 'ops.prim.RaiseException("\\x1b[2J\\x00")\nreturn x',
    "long message": 's = "a"\nfor i in range(18):\n  s = torch.add(s, s)\nops.prim.RaiseException(s)\nreturn x',
    "long message of a tensor": "l = torch.mul([x], 100000)\nreturn torch.relu(l)",
    "long name": "return torch." + "a" * 100_000 + "(x)",
    "long variable": "return " + "a" * 100_000,
    "long attribute": "return self." + "a" * 100_000,
    "long argument": 'return torch.relu("' + "a" * 100_000 + '")',
}

_DEEP = {
    "parentheses": "return " + "(" * 5000 + "x" + ")" * 5000,
    "calls": "return " + "torch.relu(" * 3000 + "x" + ")" * 3000,
    "calls that parse": "return " + "torch.relu(" * 150 + "x" + ")" * 150,
    "minus": "return " + "-" * 20000 + "1",
    "not": "return " + "not " * 20000 + "x",
    "additions": "return x" + " + x" * 20000,
    "attributes": "return self" + ".a" * 20000,
    "elements": "return x" + "[0]" * 20000,
    "lists": "return " + "[" * 90 + "x" + "]" * 90,
    "annotation": "y: " + "List[" * 90 + "int" + "]" * 90 + " = 5\nreturn y",
    "annotation of attributes": "b = isinstance(self, " + "a." * 20000 + "b)\nreturn b",
    "annotation unions": "b = isinstance(self, " + "a | " * 5000 + "b)\nreturn b",
    "blocks": _nested("if True:", 90, "return x"),
    "blocks that cannot be parsed": _nested("if True:", 5000, "return x"),
    "else if": "if False:\n  pass\n" + "elif False:\n  pass\n" * 5000 + "return x",
    "loops on data": _nested("while bool(torch.sum(x)):", 50, "x = torch.sub(x, 1)"),
    "counted loops on data": _nested("for i# in range(int(torch.sum(x))):", 50, "x = torch.sub(x, 1)"),
    "branches on data": _nested("if bool(torch.sum(x)):", 60, "x = torch.sub(x, 1)"),
    "branches that raise": "\n".join(
        [" " * i + "if bool(torch.sum(x)):" for i in range(30)]
        + [" " * 30 + "x = torch.neg(x)"]
        + [
            " " * i
            + "else:\n"
            + " " * (i + 1)
            + "if bool(torch.sum(x)):\n"
            + " " * (i + 2)
            + "pass\n"
            + " " * (i + 1)
            + "else:\n"
            + " " * (i + 2)
            + 'ops.prim.RaiseException("a")'
            for i in reversed(range(30))
        ]
    ),
    "loops and branches": "\n".join(
        " " * i + ("while bool(torch.sum(x)):" if i % 2 else "if bool(torch.sum(x)):") for i in range(40)
    )
    + "\n"
    + " " * 40
    + "x = torch.sub(x, 1)",
}

_PROGRAMS = {
    "no code": "",
    "no class": "x = 5",
    "no forward": "class Net(Module):\n  pass",
    "not utf-8 names": "class Net(Module):\n  def forward(self, x):\n    return torch.\u212brelu(x)",
    "null bytes": "class Net(Module):\n  \0",
    "encoding": "# -*- coding: utf-7 -*-\nclass Net(Module):\n  def forward(self, x):\n    return torch.what(x)",
    "no self": "class Net(Module):\n  def forward():\n    return 5",
    "star self": "class Net(Module):\n  def forward(*args, **kwargs):\n    return args",
    "async": "class Net(Module):\n  async def forward(self, x):\n    return x",
    "many parameters": "class Net(Module):\n  def forward(self, "
    + ", ".join(f"p{i}" for i in range(5000))
    + "):\n    return p0",
    "default that runs": f"class Net(Module):\n  def forward(self, x, y=open('{MARKER}', 'w')):\n    return x",
    "default without end": "class Net(Module):\n  def forward(self, x, y=torch.mul([1], 10000000000)):\n    return x",
    "decorated": f"@open('{MARKER}', 'w')\nclass Net(Module):\n  @eval\n  def forward(self, x):\n    return torch.what(x)",
    "metaclass": "class Net(Module, metaclass=eval):\n  def forward(self, x):\n    return torch.what(x)",
    "computed base": "class Net(open('a')):\n  def forward(self, x):\n    return torch.what(x)",
    "many lines": "class Net(Module):\n  def forward(self, x):\n" + "    x = torch.relu(x)\n" * 100_000,
    "many short lines": "class Net(Module):\n  def forward(self, x):\n" + "    x\n" * 1_000_000,
    "many classes": "class A:\n  a = 1\n" * 100_000,
    "one long line": "class Net(Module):\n  def forward(self, x):\n    " + "x;" * 1_000_000,
    "recursion": "class Net(Module):\n  def forward(self, x):\n    return (self).forward(x)",
    "two recursions": "class Net(Module):\n  def forward(self, x):\n    return torch.add((self).f(x), (self).f(x))\n"
    "  def f(self, x):\n    return torch.add((self).forward(x), (self).forward(x))",
    "recursion in an argument": "class Net(Module):\n  def forward(self, x):\n    return "
    + "torch.add(" * 60
    + "(self).forward(x)"
    + ", 1)" * 60,
    "recursion in a branch": "class Net(Module):\n  def forward(self, x):\n    if bool(torch.sum(x)):\n"
    "      y = (self).forward(x)\n    else:\n      y = (self).forward(x)\n    return y",
    "recursion in a loop": "class Net(Module):\n  def forward(self, x):\n    while bool(torch.sum(x)):\n"
    "      x = (self).forward(x)\n    return x",
    "tree of calls": "class Net(Module):\n  def forward(self, x):\n    return (self).f0(x)\n"
    + "".join(f"  def f{i}(self, x):\n    return (self).f{i + 1}((self).f{i + 1}(x))\n" for i in range(60))
    + "  def f60(self, x):\n    return x",
    "tree of failing calls": "class Net(Module):\n  def forward(self, x):\n    return (self).f0(x)\n"
    + "".join(f"  def f{i}(self, x):\n    return (self).f{i + 1}((self).f{i + 1}(x))\n" for i in range(60))
    + "  def f60(self, x):\n    return torch.what(x)",
    "tree of empty calls": "class Net(Module):\n  def forward(self, x):\n    return (self).f0(x)\n"
    + "".join(f"  def f{i}(self, x):\n    return (self).f{i + 1}((self).f{i + 1}(x))\n" for i in range(60))
    + "  def f60(self, x): ...",
    "tree of defaults": "class Net(Module):\n  def forward(self, x):\n    return (self).f0()\n"
    + "".join(f"  def f{i}(self, x=__torch__.f{i + 1}(__torch__.f{i + 1}())):\n    return x\n" for i in range(60))
    + "".join(f"def f{i}(x=__torch__.f{i + 1}(__torch__.f{i + 1}())):\n  pass\n" for i in range(60)),
    "closures": "class Net(Module):\n  def forward(self, x):\n    def f(y):\n      return f(y)\n    return f(x)",
    "constant of itself": "class Net(Module):\n  a : Final[int] = __torch__.Net.a\n  def forward(self, x):\n"
    "    return torch.add(x, __torch__.Net.a)",
    "constants of each other": "class Net(Module):\n  a : Final[int] = torch.add(__torch__.Net.b, __torch__.Net.b)\n"
    "  b : Final[int] = torch.add(__torch__.Net.a, __torch__.Net.a)\n  def forward(self, x):\n"
    "    return torch.add(x, self.a)",
    "laughing constants": "class Net(Module):\n"
    + "".join(f"  a{i} : int = torch.add(__torch__.Net.a{i + 1}, __torch__.Net.a{i + 1})\n" for i in range(60))
    + "  a60 : int = 1\n  def forward(self, x):\n    return torch.add(x, self.a0)",
    "method as attribute": "class Net(Module):\n  weight : Tensor\n  def weight(self, x):\n    return x\n"
    "  def forward(self, x):\n    return torch.relu(self.weight)",
    "forward as a constant": "class Net(Module):\n  def forward(self, x):\n    return x\n  forward = 5\n  def g(self):\n    pass",
    "fork without end": "class Net(Module):\n  def forward(self, x):\n    return fork(self.forward, x)",
    "named tuple without fields": "class Net(Module):\n  def forward(self, x):\n    return __torch__.T(x)\n"
    "class T(NamedTuple):\n  pass",
    "states that grow": "class Net(Module):\n  def forward(self, x):\n    self.weight = torch.cat([self.weight, x])\n"
    "    return self.weight",
    "states that change form": "class Net(Module):\n  def forward(self, x):\n    self.weight = torch.unsqueeze(self.weight, 0)\n"
    "    return x",
    "states that nest": "class Net(Module):\n  def forward(self, x):\n    self.weight = [self.weight]\n    return x",
    "states that laugh": "class Net(Module):\n  def forward(self, x):\n    for i in range(18):\n"
    "      self.weight = (self.weight, self.weight)\n    return x",
    "states that count": "class Net(Module):\n  def forward(self, x):\n    self.n = torch.mul(self.n, 3)\n    return torch.add(x, self.n)",
    "state in itself": "class Net(Module):\n  def forward(self, x):\n    self.weight = self\n    return x",
    "new attributes": "class Net(Module):\n  def forward(self, x):\n    self.other = [x]\n    return x",
    "many states": "class Net(Module):\n  def forward(self, x):\n    while True:\n      self.n = torch.add(self.n, 1)\n",
}

FAMILIES: dict[str, dict[str, str]] = {
    "endless": {name: forward(f"{body}\nreturn x") for name, body in _ENDLESS.items()},
    "growing": {name: forward(f"{body}\nreturn x") for name, body in _GROWING.items()},
    "shapes": {name: forward(body) for name, body in _SHAPES.items()},
    "confused": {name: forward(body) for name, body in _CONFUSED.items()},
    "deep": {name: forward(f"{body}\nreturn x") for name, body in _DEEP.items()},
    "programs": _PROGRAMS,
}
"""Programs by family and name."""

ATTRIBUTES: dict[str, object] = {"n": 1}
"""What the module holds, beside ``weight``."""

HARMLESS = frozenset((
    "annotation", "blocks", "branches on data", "branches that raise", "calls that parse", "decorator", "folded",
    "forward as a constant", "long statement", "many axes", "matrix power", "method as attribute", "new attributes",
    "power", "states that count", "tensor as a key", "torch renamed",
))  # fmt: skip
"""Programs that may be imported: odd, but they compute something."""
