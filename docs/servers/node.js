// Node's own http module with as little on top as the capabilities need: what is judged is Node.
'use strict';
const http = require('http');

const page = '<!DOCTYPE html><title>node</title>\n';

const routes = {
  '/': (req, res) => {
    res.setHeader('Content-Type', 'text/html');
    res.end(req.method === 'HEAD' ? undefined : page);
  },
  '/echo': (req, res) => {
    const parts = [];
    req.on('data', (part) => parts.push(part));
    req.on('end', () => {
      res.setHeader('Content-Type', 'application/octet-stream');
      res.end(Buffer.concat(parts));
    });
  },
  '/stream': (req, res) => {
    res.setHeader('Content-Type', 'text/plain');
    for (let line = 0; line < 3; line++) res.write(`line ${line}\n`);
    res.end();
  },
  '/early-hints': (req, res) => {
    // Node sends what it is told to, whatever the version of the client.
    if (req.httpVersion !== '1.0') res.writeEarlyHints({ link: '</a.css>; rel=preload' });
    res.setHeader('Content-Type', 'text/plain');
    res.end('done\n');
  },
};

const methods = { '/': ['GET', 'HEAD', 'POST'], '/echo': ['POST', 'PUT'] };

const refuse = (res, status, text) => {
  res.statusCode = status;
  res.setHeader('Content-Type', 'text/plain');
  res.end(`${text}\n`);
};

const server = http.createServer((req, res) => {
  // Node leaves the request target as it came; an application has to know the absolute form, and
  // to refuse one without a host or with user information.
  if (/^https?:\/\/(?:[/?#:]|$|[^/?#]*@)/i.test(req.url)) return refuse(res, 400, 'bad authority');
  const target = req.url.replace(/^https?:\/\/[^/?#]*/i, '').replace(/^(?!\/)/, '/');
  const path = target.replace(/\?.*/, '').replace(/^\/stream\/.*/, '/stream');
  const route = routes[path];
  if (!route) return refuse(res, 404, 'not found');
  const allowed = methods[path] || ['GET', 'HEAD'];
  if (!allowed.includes(req.method)) {
    res.setHeader('Allow', allowed.join(', '));
    return refuse(res, 405, 'method not allowed');
  }
  if (path === '/' && req.method === 'POST') {
    req.resume();
    req.on('end', () => route(req, res));
    return;
  }
  route(req, res);
});
server.listen(18084, '127.0.0.1', () => console.log('listening'));
