// 2^(j/64) for j = 0 ... 63, made by scripts/minimax.py. Imports nothing.

/**
 * Per j two doubles: T, whose bits are lowered by j << 46 (so that adding n << 46, n = 64 k + j, scales it by 2^k), and
 * (2^(j/64) - T) / T, what the double T lacks.
 */
export const EXP_TABLE: usize = memory.data<u64>(
  [
    0x3ff0000000000000, 0x0, 0x3fefec9a3e778061, 0xbc7160139cd8dc5d, 0x3fefd9b0d3158574, 0x3c8cd2523567f613,
    0x3fefc74518759bc8, 0x3c60f74e61e6c861, 0x3fefb5586cf9890f, 0x3c979aa65d837b6d, 0x3fefa3ec32d3d1a2,
    0x3c3ebe3d702f9cd1, 0x3fef9301d0125b51, 0xbc9556522a2fbd0e, 0x3fef829aaea92de0, 0xbc91c923b9d5f416,
    0x3fef72b83c7d517b, 0xbc801b15eaa59348, 0x3fef635beb6fcb75, 0x3c8b898c3f1353bf, 0x3fef54873168b9aa,
    0x3c9aecf73e3a2f60, 0x3fef463b88628cd6, 0x3c8a6f4144a6c38d, 0x3fef387a6e756238, 0x3c968efde3a8a894,
    0x3fef2b4565e27cdd, 0x3c80472b981fe7f2, 0x3fef1e9df51fdee1, 0x3c82f7e16d09ab31, 0x3fef1285a6e4030b,
    0x3c8b3782720c0ab4, 0x3fef06fe0a31b715, 0x3c834d754db0abb6, 0x3feefc08b26416ff, 0x3c8fdd395dd3f84a,
    0x3feef1a7373aa9cb, 0xbc924aedcc4b5068, 0x3feee7db34e59ff7, 0xbc71d1e83e9436d2, 0x3feedea64c123422,
    0x3c859f48a72a4c6d, 0x3feed60a21f72e2a, 0xbc58a78f4817895b, 0x3feece086061892d, 0x3c4363ed60c2ac11,
    0x3feec6a2b5c13cd0, 0x3c6ecce1daa10379, 0x3feebfdad5362a27, 0x3c7690cebb7aafb0, 0x3feeb9b2769d2ca7,
    0xbc8f94340071a38e, 0x3feeb42b569d4f82, 0xbc78dec6bd0f385f, 0x3feeaf4736b527da, 0x3c93350518fdd78e,
    0x3feeab07dd485429, 0x3c9063e1e21c5409, 0x3feea76f15ad2148, 0x3c9432e62b64c035, 0x3feea47eb03a5585,
    0xbc8c33c53bef4da8, 0x3feea23882552225, 0xbc93cedd78565858, 0x3feea09e667f3bcd, 0xbc93b3efbf5e2228,
    0x3fee9fb23c651a2f, 0xbc6367efb86da9ee, 0x3fee9f75e8ec5f74, 0xbc781f647e5a3ecf, 0x3fee9feb564267c9,
    0xbc8619321e55e68a, 0x3feea11473eb0187, 0xbc7b32dcb94da51d, 0x3feea2f336cf4e62, 0x3c65ebe1abd66c55,
    0x3feea589994cce13, 0xbc9369b6f13b3734, 0x3feea8d99b4492ed, 0xbc94d450d872576e, 0x3feeace5422aa0db,
    0x3c8db72fc1f0eab4, 0x3feeb1ae99157736, 0x3c7bf68359f35f44, 0x3feeb737b0cdc5e5, 0xbc5da9b88b6c1e29,
    0x3feebd829fde4e50, 0xbc92434322f4f9aa, 0x3feec49182a3f090, 0x3c71affc2b91ce27, 0x3feecc667b5de565,
    0xbc87c50422622263, 0x3feed503b23e255d, 0xbc91bbd1d3bcbb15, 0x3feede6b5579fdbf, 0x3c8469846e735ab3,
    0x3feee89f995ad3ad, 0x3c8c1a7792cb3387, 0x3feef3a2b84f15fb, 0xbc55c3d956dcaeba, 0x3feeff76f2fb5e47,
    0xbc68d6f438ad9334, 0x3fef0c1e904bc1d2, 0x3c74ffd70a5fddcd, 0x3fef199bdd85529c, 0x3c736eae30af0cb3,
    0x3fef27f12e57d14b, 0x3c84e08fd10959ac, 0x3fef3720dcef9069, 0x3c676b2c6c921968, 0x3fef472d4a07897c,
    0xbc8fad5d3ffffa6f, 0x3fef5818dcfba487, 0x3c74a385a63d07a7, 0x3fef69e603db3285, 0x3c8e5a50d5c192ac,
    0x3fef7c97337b9b5f, 0xbc82d52107b43e1f, 0x3fef902ee78b3ff6, 0x3c74b604603a88d3, 0x3fefa4afa2a490da,
    0xbc8ff7128fd391f0, 0x3fefba1bee615a27, 0x3c8ec3bc41aa2008, 0x3fefd0765b6e4540, 0x3c8a64a931d185ee,
    0x3fefe7c1819e90d8, 0x3c77893b4d91cd9d,
  ],
  16,
);
