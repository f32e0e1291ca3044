import { grpcSocketTransport } from "../backends/grpc_socket.ts";
import { grpcContract } from "./grpc_contract.ts";

grpcContract(grpcSocketTransport, { readsMessages: false });
