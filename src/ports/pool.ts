// Pools of workers, in a thread, in a process or in place: the caller sends a request and waits for
// its reply. What crosses is plain data and shared memory, so every form behaves alike.

/** A buffer or a port, of whatever kind the pool's threads know. */
export type Transfer = object;

/** One worker that answers requests in the order they were sent. */
export interface WorkerPort<Request, Reply> {
  /** `transfer` names what the worker takes over: buffers and ports. */
  call(request: Request, transfer?: readonly Transfer[]): Promise<Reply>;
  close(): Promise<void>;
}

/** Workers of one kind, of which any may take a request. */
export interface PoolPort<Request, Reply> {
  readonly size: number;
  run(request: Request): Promise<Reply>;
  close(): Promise<void>;
}
