import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';

const PREFIX_BYTES = 5;
const LENGTH_AT = 1;
const OK = '0';

/** Unary gRPC calls over one HTTP/2 connection: a message each way, length-prefixed, and the status in the trailers. */
export class GrpcConnection {
  private constructor(private readonly session: ClientHttp2Session) {}

  static async open(host: string, port: number): Promise<GrpcConnection> {
    const session = connect(`http://${host}:${port}`);
    await once(session, 'connect');
    return new GrpcConnection(session);
  }

  /** Resolves with the answer's message; rejects when the call did not end well. */
  call(path: string, message: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const stream = this.session.request({
        [constants.HTTP2_HEADER_METHOD]: 'POST',
        [constants.HTTP2_HEADER_PATH]: path,
        [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
        [constants.HTTP2_HEADER_TE]: 'trailers',
      });
      const parts: Buffer[] = [];
      let status: IncomingHttpHeaders = {};
      stream.on('response', (headers) => {
        // An error without a message comes with its status here.
        if (headers['grpc-status'] !== undefined) status = headers;
      });
      stream.on('trailers', (trailers) => {
        status = trailers;
      });
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('error', reject);
      stream.on('end', () => {
        if (status['grpc-status'] === OK) resolve(Buffer.concat(parts).subarray(PREFIX_BYTES));
        else reject(new Error(`${path}: ${status['grpc-status']} ${status['grpc-message'] ?? ''}`));
      });
      stream.end(framed(message));
    });
  }

  close(): void {
    this.session.destroy();
  }
}

function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, LENGTH_AT);
  message.copy(frame, PREFIX_BYTES);
  return frame;
}
