/** What type tests say: `same<Actual, Expected>()`. Nothing of them runs; the type check is the test. */

type Flat<T> = T extends (...args: never[]) => unknown
  ? T
  : T extends readonly (infer Item)[]
    ? Flat<Item>[]
    : T extends object
      ? { [K in keyof T]: Flat<T[K]> }
      : T;

type Equal<A, B> =
  (<T>() => T extends Flat<A> ? 1 : 2) extends <T>() => T extends Flat<B> ? 1 : 2 ? true : false;

/** The same type, however it is put together; `any` is the same as nothing but itself. */
export declare const same: <A, B>(...difference: Equal<A, B> extends true ? [] : [A, 'is not', B]) => void;
