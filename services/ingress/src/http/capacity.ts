/** What one process has in flight, shared by those who take and those who look. */
export interface Capacity {
  /** Requests not yet answered. */
  inFlight: number;
  /** Those of them whose body is still coming: a slow sender must not take the place of one that is ready. */
  reading: number;
  /** Bytes of bodies that are still coming. */
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

/** True if one request more is worked on than may be. */
export const isOverloaded = ({ inFlight, reading, maxWorking }: Capacity): boolean => inFlight - reading > maxWorking;
