// What is wrong within a binary file: thrown by its decoders, told with the file's name by its reader.
// Must not be thrown for what a valid file may hold.

/** The bytes are not what the format says they must be. */
export class Damage extends Error {}

/** A valid file of a kind that is not read; the message goes on from the name of the file. */
export class Unsupported extends Error {}
