// Pools of workers, in a thread, in a process or in place: the caller sends a request and waits for
// its reply. What crosses is plain data and shared memory, so every form behaves alike.

/** One worker that answers requests in the order they were sent. */
export interface WorkerPort<Request, Reply> {
  call(request: Request): Promise<Reply>;
  close(): Promise<void>;
}

/** Workers of one kind, of which any may take a request. */
export interface PoolPort<Request, Reply> {
  readonly size: number;
  run(request: Request): Promise<Reply>;
  close(): Promise<void>;
}
