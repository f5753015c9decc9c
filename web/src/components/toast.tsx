/** The line at the foot of the page in which results are said. Always there, often empty. */
export function Toast({ message }: { message: string }) {
  return (
    <div className="toast-area" role="status" aria-live="polite">
      {message && <p className="toast">{message}</p>}
    </div>
  );
}
