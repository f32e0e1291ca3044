/**
 * The part of Protocol Buffers (proto3) that the gRPC engines need: a message is a table of field
 * numbers and types, from which its type, its encoder and its decoder follow.
 *
 * Keys are the names of the `.proto` file, so that a table reads like the specification it comes
 * from. Unknown fields and fields of an unexpected wire type are skipped, packed and unpacked
 * lists are both accepted, and anything cut short is a SyntaxError.
 *
 * @module
 */
import {
  defaultScalar,
  DELIMITED,
  type Scalar,
  show,
  WIRE_TYPES,
  WireReader,
  WireWriter,
} from "./protobuf_wire.ts";

/** What {@linkcode MessageType.encode} takes for a message `V`: every field may be left out. */
export type Input<V> = V extends bigint | boolean | number | string | Uint8Array | undefined ? V
  : V extends ReadonlyMap<infer K, infer M> ? ReadonlyMap<K, Input<M>>
  : V extends readonly (infer E)[] ? readonly Input<E>[]
  : { readonly [K in keyof V]?: Input<V[K]> | undefined };

export interface MessageType<T> {
  /** Names of its fields, in the order of the table. */
  readonly fieldNames: readonly string[];
  /**
   * Fields that are absent or hold proto3's default are left out, except `optional` ones.
   * @throws {RangeError} when a number does not fit its type.
   * @throws {TypeError} when a value is not of its type.
   */
  encode(value: Input<T>): Uint8Array<ArrayBuffer>;
  /**
   * Absent fields read as proto3's default; absent messages and `optional` fields as `undefined`.
   * Bytes are views of `bytes`, not copies.
   * @throws {SyntaxError} when `bytes` is no such message.
   */
  decode(bytes: Uint8Array): T;
}

/** The message that a codec reads: `type Tokens = Decoded<typeof tokens>`. */
export type Decoded<M> = M extends MessageType<infer T> ? T : never;

/**
 * The table of a message: per field its number, type and label, in ascending order of numbers. A
 * message in a field of its own always has presence; a scalar has it when it is `optional` (also
 * each member of a oneof). Maps have string keys.
 */
export type Fields = {
  readonly [name: string]: readonly [
    number: number,
    type: Scalar | Pick<MessageType<unknown>, "fieldNames">,
    label?: "map" | "optional" | "repeated",
  ];
};

type ElementOf<T> = T extends "bool" ? boolean
  : T extends "bytes" ? Uint8Array
  : T extends "string" ? string
  : T extends "int64" | "uint64" ? bigint
  : T extends Scalar ? number
  : Decoded<T>;

type ValueOf<F> = F extends readonly [number, infer T, "map"] ? ReadonlyMap<string, ElementOf<T>>
  : F extends readonly [number, infer T, "repeated"] ? readonly ElementOf<T>[]
  : F extends readonly [number, infer T, "optional"?] ? ElementOf<T>
  : never;

/** Names of the fields that may be absent. */
type OptionalName<F extends Fields> = {
  [K in keyof F]: F[K] extends readonly [number, Scalar] ? never
    : F[K] extends readonly [number, unknown, "map" | "repeated"] ? never
    : K;
}[keyof F];

/** The message that a table describes. */
export type MessageOf<F extends Fields> =
  & { readonly [K in Exclude<keyof F, OptionalName<F>>]: ValueOf<F[K]> }
  & { readonly [K in OptionalName<F>]?: ValueOf<F[K]> };

/** Makes the codec of a message from its table: `message({ ids: [1, "uint32", "repeated"] })`. */
export function message<const F extends Fields>(fields: F): MessageType<MessageOf<F>> {
  return new Table(fields) as unknown as MessageType<MessageOf<F>>;
}

type Values = Record<string, unknown>;

interface Row {
  readonly name: string;
  readonly number: number;
  readonly type: Scalar | Table;
  readonly label: "map" | "optional" | "repeated" | "singular";
  /** Wire type of one element. */
  readonly wire: number;
}

class Table {
  readonly fieldNames: readonly string[];
  readonly #rows: readonly Row[];
  readonly #byNumber: (Row | undefined)[] = [];
  /** Value of every field before anything is read; lists and maps are made afresh. */
  readonly #blank: Values = {};

  constructor(fields: Fields) {
    this.#rows = Object.entries(fields).map(([name, [number, type, label]]) => ({
      name,
      number,
      type: type as Scalar | Table,
      label: label ?? "singular",
      wire: type instanceof Table ? DELIMITED : WIRE_TYPES[type as Scalar],
    }));
    this.fieldNames = this.#rows.map((row) => row.name);
    for (const row of this.#rows) {
      this.#byNumber[row.number] = row;
      this.#blank[row.name] = row.label === "singular" && !(row.type instanceof Table)
        ? defaultScalar(row.type)
        : undefined;
    }
  }

  encode(value: Values): Uint8Array<ArrayBuffer> {
    const writer = new WireWriter();
    for (const row of this.#rows) {
      const given = value[row.name];
      if (given === undefined || given === null) continue;
      try {
        writeField(writer, row, given);
      } catch (error) {
        if (error instanceof Error) error.message = `${row.name}: ${error.message}`;
        throw error;
      }
    }
    return writer.finish();
  }

  decode(bytes: Uint8Array, into?: Values): Values {
    const target = into ?? this.#empty();
    const reader = new WireReader(bytes);
    while (reader.at < bytes.length) {
      const tag = reader.uint32();
      const row = this.#byNumber[tag >>> 3];
      if (row === undefined || !readField(reader, row, tag & 7, target)) {
        reader.skip(tag);
      }
    }
    return target;
  }

  #empty(): Values {
    const target = { ...this.#blank };
    for (const row of this.#rows) {
      if (row.label === "repeated") target[row.name] = [];
      else if (row.label === "map") target[row.name] = new Map();
    }
    return target;
  }
}

function writeField(writer: WireWriter, row: Row, value: unknown): void {
  switch (row.label) {
    case "singular":
      if (!isDefault(value) || row.type instanceof Table) writeTagged(writer, row, value);
      return;
    case "optional":
      writeTagged(writer, row, value);
      return;
    case "map":
      for (const [key, entry] of value as ReadonlyMap<string, unknown>) {
        const inner = new WireWriter();
        inner.tag(1, DELIMITED);
        inner.scalar("string", key);
        inner.tag(2, row.wire);
        writeElement(inner, row.type, entry);
        writer.tag(row.number, DELIMITED);
        writer.delimited(inner.finish());
      }
      return;
    case "repeated": {
      const list = value as readonly unknown[];
      if (!Array.isArray(list)) throw new TypeError(`Cannot encode ${show(value)} as a list`);
      if (list.length === 0) return;
      if (row.wire === DELIMITED) {
        for (const entry of list) writeTagged(writer, row, entry);
        return;
      }
      const packed = new WireWriter();
      for (const entry of list) writeElement(packed, row.type, entry);
      writer.tag(row.number, DELIMITED);
      writer.delimited(packed.finish());
    }
  }
}

function writeTagged(writer: WireWriter, row: Row, value: unknown): void {
  writer.tag(row.number, row.wire);
  writeElement(writer, row.type, value);
}

function writeElement(writer: WireWriter, type: Scalar | Table, value: unknown): void {
  if (!(type instanceof Table)) return writer.scalar(type, value);
  if (typeof value !== "object" || value === null) {
    throw new TypeError(`Cannot encode ${show(value)} as a message`);
  }
  writer.delimited(type.encode(value as Values));
}

function readElement(reader: WireReader, type: Scalar | Table): unknown {
  return type instanceof Table ? type.decode(reader.delimited()) : reader.scalar(type);
}

function isDefault(value: unknown): boolean {
  // -0 is not proto3's default: its bits differ from those of 0.
  return value === false || value === "" || value === 0n || Object.is(value, 0) ||
    (value instanceof Uint8Array && value.length === 0);
}

/** Whether the field was read; `false` leaves the reader where it was. */
function readField(reader: WireReader, row: Row, wire: number, target: Values): boolean {
  if (row.label === "map") {
    if (wire !== DELIMITED) return false;
    readEntry(reader.delimited(), row, target[row.name] as Map<string, unknown>);
    return true;
  }
  if (row.label === "repeated") {
    const list = target[row.name] as unknown[];
    if (wire === row.wire) {
      list.push(readElement(reader, row.type));
      return true;
    }
    if (wire !== DELIMITED) return false;
    const packed = new WireReader(reader.delimited());
    while (packed.at < packed.bytes.length) list.push(readElement(packed, row.type));
    return true;
  }
  if (wire !== row.wire) return false;
  target[row.name] = row.type instanceof Table
    // A message that comes in parts is merged, as the format demands.
    ? row.type.decode(reader.delimited(), target[row.name] as Values | undefined)
    : reader.scalar(row.type);
  return true;
}

function readEntry(bytes: Uint8Array, row: Row, map: Map<string, unknown>): void {
  const reader = new WireReader(bytes);
  let key = "";
  let value: unknown = row.type instanceof Table
    ? row.type.decode(new Uint8Array(0))
    : defaultScalar(row.type);
  while (reader.at < bytes.length) {
    const tag = reader.uint32();
    if (tag === ((1 << 3) | DELIMITED)) key = reader.scalar("string") as string;
    else if (tag === ((2 << 3) | row.wire)) value = readElement(reader, row.type);
    else reader.skip(tag);
  }
  map.set(key, value);
}
