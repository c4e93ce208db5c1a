/** As much of `aws4` as is used. */
declare module 'aws4' {
  interface Request {
    service: string;
    region: string;
    method: string;
    /** Path and query, encoded. */
    path: string;
    headers: Record<string, string>;
    /** Headers to sign that would be left out. */
    extraHeadersToInclude?: Record<string, boolean>;
  }
  interface Keys {
    accessKeyId: string;
    secretAccessKey: string;
    sessionToken?: string | undefined;
  }
  const aws4: { sign(request: Request, keys: Keys): Request };
  export default aws4;
}
