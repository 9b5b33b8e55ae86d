"""Coefficients of the polynomials in assembly/math.ts, by the Remez exchange in 60 digits.

    pip install mpmath && python scripts/minimax.py

exp: exp(r) = 1 + r + r^2 q(r) on |r| <= ln(2)/128; the error is weighted by r^2/exp(r), so that it is
     the relative error of exp that is levelled. Table: 2^(j/64) as a double whose bits are lowered by j << 46, and
     what that double lacks, relative to it.
log: log(1+f) = f - f^2/2 + s (f^2/2 + R(s^2)) with s = f/(2+f), R(z) = 2 atanh(s)/s - 2; m = 1+f in
     [sqrt(1/2), sqrt(2)].
"""

import struct

from mpmath import mp, mpf, exp, log, sqrt, atanh, matrix, lu_solve, cos, pi, floor

mp.dps = 60


def remez(f, weight, a, b, degree, rounds=12, grid=4000):
    n = degree + 2
    xs = [(a + b) / 2 + (b - a) / 2 * cos(pi * (n - 1 - i) / (n - 1)) for i in range(n)]
    for _ in range(rounds):
        A, rhs = matrix(n, n), matrix(n, 1)
        for i, x in enumerate(xs):
            for j in range(degree + 1):
                A[i, j] = x**j
            A[i, n - 1] = (-1) ** i / weight(x)
            rhs[i] = f(x)
        c = lu_solve(A, rhs)
        coefficients = [c[j] for j in range(degree + 1)]

        def error(x):
            return (sum(cj * x**j for j, cj in enumerate(coefficients)) - f(x)) * weight(x)

        points = [a + (b - a) * mpf(i) / grid for i in range(grid + 1)]
        values = [error(x) for x in points]
        extrema = []
        for x, v in zip(points, values):
            if extrema and (v > 0) == (extrema[-1][1] > 0):
                if abs(v) > abs(extrema[-1][1]):
                    extrema[-1] = (x, v)
            else:
                extrema.append((x, v))
        while len(extrema) > n:
            extrema.pop(0 if abs(extrema[0][1]) < abs(extrema[-1][1]) else -1)
        if len(extrema) < n:
            break
        xs = [x for x, _ in extrema]
    return coefficients, max(abs(v) for v in values)


def split(value, bits):
    """High part with its last `bits` bits zero, so that high * n is exact, and the rest."""
    unit = mpf(2) ** (int(floor(log(value) / log(2))) - 52 + bits)
    high = floor(value / unit) * unit
    return float(high), float(value - high)


if __name__ == "__main__":
    h = log(mpf(2)) / 128 * mpf("1.0001")
    q = lambda r: (exp(r) - 1 - r) / r**2 if abs(r) > mpf("1e-12") else mpf(1) / 2 + r / 6
    c, e = remez(q, lambda r: r**2 / exp(r) + mpf("1e-30"), -h, h, 3)
    print("exp q, degree 3, error", mp.nstr(e, 3), [repr(float(x)) for x in c])
    for j in range(64):
        exact = mpf(2) ** (mpf(j) / 64)
        double = float(exact)
        bits = struct.unpack("<q", struct.pack("<d", double))[0] - (j << 46)
        print(f"    {hex(bits)}, {hex(struct.unpack('<q', struct.pack('<d', float(exact / mpf(double) - 1)))[0] & (2**64 - 1))},")
    z1 = ((sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1)) ** 2 * mpf("1.0001")
    R = lambda z: 2 * atanh(sqrt(z)) / sqrt(z) - 2 if z > mpf("1e-20") else 2 * z / 3
    # R(z) = z * P(z): the error that counts is that of s * R against log.
    P = lambda z: R(z) / z if z > mpf("1e-20") else mpf(2) / 3
    for degree in (5, 6):
        c, e = remez(P, lambda z: z, mpf("1e-18"), z1, degree)
        print("log P, degree", degree, "error", mp.nstr(e, 3), [repr(float(x)) for x in c])
    print("ln2 split", split(log(mpf(2)), 21), "64 log2 e", repr(float(64 / log(mpf(2)))), "ln(2 pi)", repr(float(log(2 * pi))))
