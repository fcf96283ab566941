//! The connection of one client: TCP and the handshake of the WebSocket.

use crate::Outcome;
use std::io::ErrorKind::WouldBlock;
use std::net::{Ipv4Addr, SocketAddrV4};
use tokio::net::{TcpSocket, TcpStream};

/// The stream, and what came behind the answer to the handshake.
pub async fn connect(
    source: Ipv4Addr,
    address: &str,
    token: &str,
) -> Outcome<(TcpStream, Vec<u8>)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddrV4::new(source, 0).into())?;
    let stream = socket.connect(address.parse()?).await?;
    stream.set_nodelay(true)?;
    let request = format!(
        "GET /realtime/v1/websocket?apikey={token}&vsn=2.0.0 HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    send(&stream, request.as_bytes()).await?;
    let mut answer = Vec::new();
    loop {
        stream.readable().await?;
        match stream.try_read_buf(&mut answer) {
            Ok(0) => return Err("closed in the handshake".into()),
            Err(error) if error.kind() != WouldBlock => return Err(error.into()),
            _ => {}
        }
        if let Some(end) = memchr::memmem::find(&answer, b"\r\n\r\n") {
            if !answer.starts_with(b"HTTP/1.1 101") {
                return Err(String::from_utf8_lossy(&answer).into());
            }
            answer.drain(..end + 4);
            return Ok((stream, answer));
        }
    }
}

pub async fn send(stream: &TcpStream, mut bytes: &[u8]) -> Outcome<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
