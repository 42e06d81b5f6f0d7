export interface Capacity {
  inFlight: number;
  /** Requests in flight whose body is still arriving: a slow sender must not take the place of a ready one. */
  reading: number;
  /** Bytes of those bodies so far. */
  bufferedBytes: number;
  readonly maxWorking: number;
  readonly maxBufferedBytes: number;
}

export const createCapacity = (maxWorking: number, maxBufferedBytes: number): Capacity => ({
  inFlight: 0,
  reading: 0,
  bufferedBytes: 0,
  maxWorking,
  maxBufferedBytes,
});

export const isOverloaded = ({ inFlight, reading, maxWorking }: Capacity): boolean => inFlight - reading > maxWorking;
