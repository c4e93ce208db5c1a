/** The part of a file that a request announces. */
export interface AnnouncedPart {
  /** Where it begins. */
  start: number;
  /** Its length. */
  bytes: number;
}

/**
 * The files that programs send to a cluster, which all of its daemons know: any of them goes on
 * with a file that another one has begun. An owner is a token, and a file has a name that its
 * content gives.
 */
export interface SharedUploads {
  /** Returns how many bytes of a file are there. */
  received(owner: string, file: string): Promise<number>;
  /**
   * Counts a part before its bytes come, if it begins where the file ends.
   *
   * @returns how many bytes of the file are there.
   * @throws DaemonError `UPLOAD_LIMIT`.
   */
  begin(
    owner: string,
    file: string,
    part: AnnouncedPart,
    limits: { maxOpen: number; maxBytesPerDay: number },
  ): Promise<number>;
  /** Takes back bytes that were counted and did not come. */
  giveBack(owner: string, bytes: number): Promise<void>;
  /**
   * Adds bytes to a file, durably.
   *
   * @throws DaemonError `UPLOAD_OFFSET` if the bytes before them are not there any more.
   */
  put(owner: string, file: string, start: number, bytes: Uint8Array): Promise<void>;
  /** Reads a file from `from` to `to`. It ends early where bytes are missing. */
  read(owner: string, file: string, from: number, to: number): AsyncIterable<Uint8Array>;
  /** Removes a file: a job has it, or its content is wrong. */
  remove(owner: string, file: string): Promise<void>;
  /** Returns the files of an owner. */
  filesOf(owner: string): Promise<Set<string>>;
  /** Removes the files that nobody has sent anything of for `keepMs`. */
  tidy(keepMs: number): Promise<void>;
}
