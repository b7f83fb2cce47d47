# kube-router ends when the API server does not answer yet, and supervisord's pauses grow with each try: wait for it here.
until kubectl --kubeconfig=/etc/kubernetes/admin.conf get --raw /readyz > /dev/null 2>&1; do sleep 0.3; done
exec kube-router "$@"
