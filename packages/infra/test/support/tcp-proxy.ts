import { connect, createServer, type Socket } from 'node:net';

/** The fate of a request at the proxy. */
export type Fault = 'pass' | 'hang' | 'answer 503' | 'cut after the answer' | 'cut in the answer';

/** A proxy before an S3 server, which spoils some requests. */
export interface Proxy {
  endpoint: string;
  /** The first lines of all requests, in order. */
  requests: string[];
  close(): void;
}

/** Starts a proxy. `choose` decides about each request by its first line. */
export async function startProxy(port: number, choose: (request: string) => Fault): Promise<Proxy> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer(client => {
    const upstream = connect(port, '127.0.0.1');
    let fault: Fault = 'pass';
    client.on('data', data => {
      const [line] = /^(GET|PUT|HEAD|POST|DELETE) \S+/.exec(data.toString('latin1', 0, 2000)) ?? [];
      if (line !== undefined) {
        requests.push(line);
        fault = choose(line);
      }
      if (fault === 'hang') return;
      if (fault !== 'answer 503') upstream.write(data);
      else if (line !== undefined)
        client.end('HTTP/1.1 503 Slow Down\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    });
    upstream.on('data', data => {
      const isAnswer = !data.toString('latin1', 0, 12).endsWith(' 100'); // "100 Continue" is none
      if (fault === 'cut in the answer') client.write(data.subarray(0, data.length / 2));
      if (fault.startsWith('cut') && isAnswer) client.destroy();
      else client.write(data);
    });
    for (const [one, other] of [[client, upstream] as const, [upstream, client] as const]) {
      sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    requests,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
