# The kubelet can start only when kubeadm has written its configuration and containerd listens.
until [ -f /var/lib/kubelet/kubeadm-flags.env ] && [ -f /var/lib/kubelet/config.yaml ] && [ -S "$CONTAINERD" ]; do sleep 0.1; done
. /var/lib/kubelet/kubeadm-flags.env
# shellcheck disable=SC2086  # kubeadm means several arguments
exec kubelet --kubeconfig=/etc/kubernetes/kubelet.conf --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \
  --config=/var/lib/kubelet/config.yaml $KUBELET_KUBEADM_ARGS
