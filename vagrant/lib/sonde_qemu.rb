# frozen_string_literal: true

# A Vagrant provider that starts QEMU directly: no daemon, no root, no box. The Vagrantfile requires
# it, so nothing has to be installed beside Vagrant and QEMU.
#
# What a reader would get wrong: this file and the ones it requires are loaded by Vagrant's own Ruby
# at every command, so nothing here may cost time or look at a machine that is not asked for.
require 'vagrant'
require_relative 'sonde_qemu/config'
require_relative 'sonde_qemu/provider'

module SondeQemu
  # What Vagrant is told: the provider's name, its settings, and that it needs no box.
  class Plugin < Vagrant.plugin('2')
    name 'QEMU for the cells of the kernel matrix'

    config(:sonde_qemu, :provider) { Config }
    provider(:sonde_qemu, box_optional: true, parallel: true, defaultable: true, priority: 10) { Provider }
  end
end
